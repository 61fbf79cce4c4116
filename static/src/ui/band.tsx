/** The band that says that the picture cannot be trusted. It takes no room of its own: nothing moves under it. */
import { LIVE_FOR_S } from "../core/clock.ts";
import { age } from "./format.ts";
import { reconnect, serverNow, type State, thaw } from "./state.ts";
import type { Props } from "./top.tsx";

/** How old the picture is in milliseconds, undefined when nobody can know. */
function pictureAge(heat: State): number | undefined {
  const now = serverNow(heat);
  return now === undefined || !heat.frame ? undefined : now - heat.frame.newestAt;
}

/** The page has been asking for the time for long enough. */
const CLOCK_PATIENCE_MS = 10_000;

export function isLive(heat: State): boolean {
  if (!heat.frame) return true;
  const old = pictureAge(heat);
  // Without the server's clock a picture is not live until proven; at the start that takes a moment. One that is to come was
  // made before a clock went back, and could be of any age.
  return old === undefined ? heat.beat < CLOCK_PATIENCE_MS : Math.abs(old) <= LIVE_FOR_S * 1000;
}

/** The picture is held; a press goes on. */
export function Held({ heat, words }: Props) {
  const frozen = heat.frame?.frozen;
  const now = serverNow(heat);
  if (!frozen || now === undefined) return null;
  const seconds = Math.max(0, Math.floor((now - frozen.at) / 1000));
  const two = (n: number) => String(n).padStart(2, "0");
  return (
    <button type="button" class="held" onClick={thaw}>
      {words.band.frozen(`${two(Math.floor(seconds / 60))}:${two(seconds % 60)}`, words.number(frozen.newer))}
    </button>
  );
}

export function Band({ heat, words }: Props) {
  const live = isLive(heat);
  const old = pictureAge(heat);
  const refused = heat.tick.line === "refused";
  if (live && !refused) return null;
  return (
    <div class="band" role="alert">
      {live ? null : (
        <>
          <b>{words.band.notLive}</b>
          <span>
            {old === undefined || old < 0 ? words.band.clockUnknown : words.band.lastPicture(age(words, old))}
          </span>
        </>
      )}
      {heat.tick.trouble ? <span class="why">{heat.tick.trouble}</span> : null}
      {refused ? (
        <>
          <span>{words.band.refused}</span>
          <button type="button" onClick={() => location.reload()}>
            {words.band.login}
          </button>
        </>
      ) : (
        <button type="button" onClick={reconnect}>
          {words.band.reconnect}
        </button>
      )}
    </div>
  );
}
