/** One of a few, as radio buttons. */
import type { ComponentChildren } from "preact";

interface ChoiceProps<T extends string | number> {
  readonly name: string;
  readonly label: string;
  readonly of: readonly T[];
  readonly chosen: T;
  readonly said: (one: T) => ComponentChildren;
  readonly onChoose: (one: T) => void;
}

export function Choice<T extends string | number>({
  name,
  label,
  of,
  chosen,
  said,
  onChoose,
}: ChoiceProps<T>) {
  return (
    <fieldset>
      <legend>{label}</legend>
      <div>
        {of.map((one) => (
          <label key={one} class="check">
            <input type="radio" name={name} checked={chosen === one} onChange={() => onChoose(one)} />
            {said(one)}
          </label>
        ))}
      </div>
    </fieldset>
  );
}
