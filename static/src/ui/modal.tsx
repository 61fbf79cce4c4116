/** A dialog over the page. The browser keeps the focus inside, Escape closes it, and the focus returns. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Words } from "./words/index.ts";

export interface ModalProps {
  readonly class: string;
  readonly label: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

export function Modal({ class: name, label, onClose, children }: ModalProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog ref={dialog} class={`modal ${name}`} aria-label={label} onClose={onClose}>
      {children}
    </dialog>
  );
}

/** For the field of a dialog that one types into first: what the dialog is about may come later than the dialog. */
export function useFocus<T extends HTMLElement>(): { current: T | null } {
  const field = useRef<T>(null);
  useEffect(() => field.current?.focus(), []);
  return field;
}

/** Closes the dialog around a button, as Escape does. */
export function closeAround(event: Event): void {
  (event.currentTarget as HTMLElement | null)?.closest("dialog")?.close();
}

export function Close({ words }: { readonly words: Words }) {
  return (
    <button type="button" class="second" onClick={closeAround}>
      {words.ticket.close}
    </button>
  );
}

/** Why something failed, read aloud when it does. */
export function Trouble({ why }: { readonly why: string | undefined }) {
  return why ? (
    <p class="why" role="alert">
      {why}
    </p>
  ) : null;
}
