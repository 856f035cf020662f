import React, { useEffect, useId, useRef, useState } from 'react';

import { Input } from '@grafana/ui';

import { Entry } from '../menus';

interface Props {
  label: string;
  width: number;
  value?: string;
  placeholder?: string;
  /** Entries before the values. */
  first?: Entry[];
  /** The values, asked for when the field is entered; undefined where nothing can be asked. */
  ask: () => Promise<string[]> | undefined;
  onChange: (value: string) => void;
}

/** A field that offers the values of a column and takes any text: a number has no list, and a value may come
 *  only later. */
export function Values({ label, width, value, placeholder, first = [], ask, onChange }: Props) {
  const id = useId();
  const [known, setKnown] = useState<string[]>([]);
  const latest = useRef<Promise<string[]>>();
  useEffect(() => () => (latest.current = undefined), []);
  const load = () => {
    const asked = ask();
    latest.current = asked;
    // An answer that comes too late is dropped, and without one the text is written.
    const show = (values: string[]) => latest.current === asked && setKnown(values);
    asked?.then(show, () => show([]));
  };
  return (
    <>
      <Input
        aria-label={label}
        width={width}
        list={id}
        // A value that is chosen elsewhere shows at once.
        key={value}
        defaultValue={value}
        placeholder={placeholder}
        onFocus={load}
        onBlur={(event) => event.currentTarget.value !== (value ?? '') && onChange(event.currentTarget.value)}
      />
      <datalist id={id}>
        {first.map((one) => (
          <option key={one.value} value={one.value} label={one.label} />
        ))}
        {known.map((one) => (
          <option key={one} value={one} />
        ))}
      </datalist>
    </>
  );
}
