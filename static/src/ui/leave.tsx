/** The cross that puts a part of the page away. */
interface LeaveProps {
  /** What it does, for who cannot see it and for who points at it. */
  readonly label: string;
  readonly onLeave: () => void;
}

export function Leave({ label, onLeave }: LeaveProps) {
  return (
    <button type="button" class="plain" aria-label={label} title={label} onClick={onLeave}>
      ×
    </button>
  );
}
