/** What the API is about to tell of the past, until `lib/openapi.json` has it. */
import type { Severity } from "../core/model.ts";

export interface PastOpening {
  readonly id: string;
  /** Of a rack's history. */
  readonly key?: string;
  readonly name: string;
  readonly host: string;
  readonly opened_at: string;
  readonly closed_at?: string;
  readonly severity_first: Severity;
  readonly severity_peak: Severity;
  readonly acknowledgements?: readonly { readonly by: string; readonly at: string; readonly text?: string }[];
  readonly comments?: readonly { readonly id: number; readonly author: string; readonly text: string }[];
  readonly tickets?: readonly { readonly id: number; readonly key?: string; readonly url?: string }[];
}

export interface History {
  readonly openings: readonly PastOpening[];
  readonly next?: string;
}

export interface Change {
  readonly kind: "opened" | "cleared" | "worsened" | "commented" | "acknowledged" | "ticketed";
  readonly at: string;
  readonly key: string;
  readonly event_id?: string;
  readonly name?: string;
  readonly host?: string;
  readonly rack_id?: number;
  readonly severity?: Severity;
  readonly by?: string;
  readonly text?: string;
  readonly ticket?: { readonly id: number; readonly key?: string; readonly url?: string };
}

export interface ChangePage {
  readonly changes: readonly Change[];
  readonly next: string;
}

export interface LastTime {
  readonly cleared_at: string;
  readonly comment?: { readonly author: string; readonly at: string; readonly text: string };
  readonly ticket?: { readonly key: string; readonly url?: string };
}
