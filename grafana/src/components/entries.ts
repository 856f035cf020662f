import { SelectableValue } from '@grafana/data';

/** Width of a label, in units of Grafana's grid. */
export const LABEL = 14;

/** Entries of a menu that are called as they are. */
export const options = (names: string[]): Array<SelectableValue<string>> => names.map((value) => ({ value, label: value }));

/** What is chosen, also if it is in no menu: a variable, a length of one's own, a feature that is gone. */
export const picked = (value?: string): SelectableValue<string> | null => (value ? { value, label: value } : null);
