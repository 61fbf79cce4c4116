/**
 * The list as CSV (RFC 4180), for spreadsheets. Its columns are those of the server's `GET /events`, and when an event
 * cleared; its lines are what is shown: the view in force, the order and a held picture are known here alone.
 */
import { SEVERITY_NAMES } from "./filter.ts";
import { linkOf } from "./link.ts";
import type { Row } from "./list.ts";
import type { Source } from "./model.ts";
import { pathOf, type Site } from "./plan.ts";

const HEADINGS =
  "severity,since,source,host,place,device,name,text,opdata,tags,handled,acknowledged_by,ticket,comment_count," +
  "last_comment,link,id,key,cleared_at";

/** In the order of the headings. */
function cellsOf({ event, rack, clearedAt }: Row, site: Site | undefined, sources: readonly Source[]) {
  const source = sources.find(({ name }) => name === event.source);
  return [
    SEVERITY_NAMES[event.severity],
    event.since,
    event.source,
    event.host,
    site && rack >= 0 ? pathOf(site.plan, rack).join(" / ") : undefined,
    site?.devices.get(event.device_id ?? -1)?.name,
    event.name,
    event.text,
    event.opdata,
    event.tags?.map(({ tag, value }) => (value ? `${tag}=${value}` : tag)).join(", "),
    event.handled,
    event.acknowledged?.by,
    event.ticket?.key,
    event.comment_count ?? 0,
    event.comments?.at(-1)?.text,
    linkOf(source?.link, event.ref),
    event.id,
    event.key,
    clearedAt,
  ];
}

/** What begins like a formula would be one: names of problems come from monitored hosts, and a comment from anybody. */
function written(cell: string | number | undefined): string {
  const text = String(cell ?? "").replace(/^[=+\-@\t\r]/, "'$&");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The rows in their order, under a line of headings. */
export function csvOf(rows: readonly Row[], site: Site | undefined, sources: readonly Source[]): string {
  const lines = rows.map((row) => cellsOf(row, site, sources).map(written).join());
  return `${[HEADINGS, ...lines].join("\r\n")}\r\n`;
}
