/** What is sounded, how loud, and whether it is repeated. */
import { isMuffled, openSpeaker, sound } from "./alarm.ts";
import { Choice } from "./choice.tsx";
import { Close, Modal } from "./modal.tsx";
import { closeDialog, openDialog, prefer, SOUNDS, type State, VOLUMES, YES_NO } from "./state.ts";
import type { Props } from "./top.tsx";

/** Off, or on again as it was. */
export function mute({ taste }: State): void {
  if (taste.sound === "off") openSpeaker();
  prefer(taste.sound === "off" ? { sound: taste.loud } : { sound: "off", loud: taste.sound });
}

export function SoundButton({ heat, words }: Props) {
  const { sound: from } = heat.taste;
  return (
    <button
      type="button"
      id="sound"
      class={isMuffled(heat) ? "plain wrong" : "plain"}
      aria-haspopup="dialog"
      title={isMuffled(heat) ? words.sound.muffled : words.sound.title}
      onClick={() => openDialog({ kind: "sound" })}
    >
      {from === "off" ? words.sound.off : words.sound.from(words.severity[Number(from)] ?? "")}
      {isMuffled(heat) ? " !" : ""}
    </button>
  );
}

export function SoundDialog({ heat, words }: Props) {
  const { taste } = heat;
  const said = words.sound;
  const notify = async (wanted: (typeof YES_NO)[number]) => {
    const may = wanted === "no" || (await Notification.requestPermission()) === "granted";
    if (may) prefer({ notify: wanted });
  };
  return (
    <Modal class="act settings" label={said.title} onClose={closeDialog}>
      <h2>{said.title}</h2>
      <Choice
        name="sound"
        label={said.what}
        of={SOUNDS}
        chosen={taste.sound}
        said={(one) => {
          const name = words.severity[Number(one)] ?? "";
          // Nothing is worse than the worst.
          return one === "off" ? said.never : one === "5" ? name : said.atLeast(name);
        }}
        onChoose={(one) => {
          openSpeaker();
          prefer({ sound: one });
        }}
      />
      <Choice
        name="volume"
        label={said.volume}
        of={VOLUMES}
        chosen={taste.volume}
        said={(one) => `${one} %`}
        onChoose={(volume) => {
          prefer({ volume });
          sound(4, Number(volume));
        }}
      />
      <Choice
        name="repeat"
        label={said.repeat}
        of={YES_NO}
        chosen={taste.repeat}
        said={(one) => said[one]}
        onChoose={(repeat) => prefer({ repeat })}
      />
      {"Notification" in window ? (
        <Choice
          name="notify"
          label={said.notify}
          of={YES_NO}
          chosen={taste.notify}
          said={(one) => said[one]}
          onChoose={(one) => void notify(one)}
        />
      ) : null}
      <footer class="actions">
        <Close words={words} />
      </footer>
    </Modal>
  );
}
