/** What the API answers to a GET, for a component that shows it. */
import { useEffect, useState } from "preact/hooks";
import { read, why } from "../api/rest.ts";

export interface Answer<T> {
  readonly data?: T;
  /** Why there is none, or no newer one. */
  readonly trouble?: string;
}

/** Asks when the path changes, or `again` does; what was answered before stays until then. Without a path: nothing. */
export function useAnswer<T>(path: string | undefined, again?: unknown): Answer<T> {
  const [answer, setAnswer] = useState<Answer<T> & { of?: string }>({});
  useEffect(() => {
    if (path === undefined) return;
    let current = true;
    read<T>(path).then(
      (data) => current && setAnswer({ of: path, data }),
      (error: unknown) =>
        current && setAnswer((old) => ({ ...(old.of === path ? old : {}), of: path, trouble: why(error) })),
    );
    return () => {
      current = false;
    };
  }, [path, again]);
  return answer.of === path ? answer : {};
}

/** The same, page by page. `pick` takes the items out of a page. */
export function usePages<T, I>(path: string | undefined, pick: (page: T) => readonly I[], again?: unknown) {
  const [cursors, setCursors] = useState<readonly I[]>([]);
  const [next, setNext] = useState<string | undefined>(undefined);
  const { data, trouble } = useAnswer<T & { readonly next?: string }>(path, again);
  const [failed, setFailed] = useState<string | undefined>(undefined);
  useEffect(() => {
    setCursors(data ? pick(data) : []);
    setNext(data?.next);
  }, [data]);
  const more = async () => {
    try {
      const cursor = `${path?.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(next ?? "")}`;
      const page = await read<T & { readonly next?: string }>(`${path}${cursor}`);
      setCursors((known) => [...known, ...pick(page)]);
      setNext(page.next);
    } catch (error) {
      setFailed(why(error));
    }
  };
  return { data, items: cursors, trouble: trouble ?? failed, ...(next === undefined ? {} : { more }) };
}
