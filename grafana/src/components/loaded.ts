import { useEffect, useState } from 'react';

/** What a menu is filled with. */
export interface Loaded<T> {
  value?: T;
  error?: string;
  loading: boolean;
}

/** Asks for what a menu needs, again when `key` changes; an answer that comes too late is dropped. */
export function useLoaded<T>(ask: () => Promise<T> | undefined, key: string): Loaded<T> {
  const [loaded, setLoaded] = useState<Loaded<T>>({ loading: true });
  useEffect(() => {
    let current = true;
    const asked = ask();
    setLoaded({ loading: !!asked });
    asked?.then(
      (value) => current && setLoaded({ value, loading: false }),
      (error) => current && setLoaded({ error: messageOf(error), loading: false })
    );
    return () => {
      current = false;
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `key` stands for what `ask` depends on.
  }, [key]);
  return loaded;
}

function messageOf(error: unknown): string {
  const known = error as { data?: { message?: string }; message?: string };
  return known?.data?.message ?? known?.message ?? 'the server cannot be asked';
}
