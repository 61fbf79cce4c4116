/** The example documents that the Rust suite reads too. For tests. */
import coverage from "../../../lib/examples/coverage.json" with { type: "json" };
import inventory from "../../../lib/examples/inventory.json" with { type: "json" };
import snapshot from "../../../lib/examples/snapshot.json" with { type: "json" };
import type { Coverage, Inventory, Snapshot } from "./model.ts";

export const EXAMPLE = {
  inventory: inventory as Inventory,
  coverage: coverage as Coverage,
  snapshot: snapshot as unknown as Snapshot,
};

/** When the example snapshot was made, in milliseconds. */
export const EXAMPLE_NOW = Date.parse(snapshot.generated_at);
