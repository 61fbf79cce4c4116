/** What the inventory knows of a rack or a device beyond what the map shows, and the way to its page there. */
import type { ComponentChildren } from "preact";
import type { Device, Rack, WholeDevice, WholeRack } from "../core/model.ts";
import { pageOf } from "../core/ticket.ts";
import { kept } from "../core/url.ts";
import { useAnswer } from "./answer.ts";
import { go } from "./state.ts";
import type { Props } from "./top.tsx";
import type { Words } from "./words/index.ts";

interface PlaceProps extends Props {
  readonly kind: "rack" | "device";
  readonly id: number;
}

export function PlaceFacts({ heat, words, kind, id }: PlaceProps) {
  const { data, trouble } = useAnswer<WholeRack & WholeDevice>(`/${kind}s/${id}`, heat.plan?.version);
  if (trouble) return <p class="lead">{words.ticket.notReady(trouble)}</p>;
  if (!data) return null;
  const link = pageOf(data.link);
  return (
    <div class="place-facts">
      <dl>
        <Facts of={data.rack ?? data.device} words={words} />
        {kind === "device" ? (
          <>
            <Row name={words.place.racks}>
              {data.racks?.map((rack) => (
                <button
                  key={rack.id}
                  type="button"
                  class="link"
                  onClick={() => go({ ...kept(heat.view), rack: rack.id, selection: { kind: "device", id } })}
                >
                  {rack.name}
                </button>
              ))}
            </Row>
            <Row name={words.place.inside}>{data.container?.name}</Row>
            <Row name={words.place.contents}>{data.contents?.map(({ name }) => name).join(", ")}</Row>
            <Row name={words.place.watchedBy}>
              {data.watched_by?.length === 0 ? words.state.unwatched : data.watched_by?.join(", ")}
              {data.no_data ? ` · ${words.state.silent}` : ""}
            </Row>
          </>
        ) : null}
      </dl>
      {link ? (
        <a href={link} target="_blank" rel="noreferrer">
          {words.panel.inventoryPage}
        </a>
      ) : null}
    </div>
  );
}

function Row({ name, children }: { readonly name: string; readonly children?: ComponentChildren }) {
  const empty = !children || (Array.isArray(children) && children.every((one) => !one));
  return empty ? null : (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function Facts({ of, words }: { readonly of: Partial<Rack & Device>; readonly words: Words }) {
  return (
    <>
      <Row name={words.place.asset}>{of.asset_no}</Row>
      <Row name={words.place.serial}>{of.serial}</Row>
      <Row name={words.place.fqdn}>{of.fqdn}</Row>
      <Row name={words.event.tags}>{of.tags?.join(", ")}</Row>
      <Row name={words.panel.comment}>{of.comment}</Row>
    </>
  );
}
