// @ts-check
// Variables of dashboards, replaced as Grafana does where one has one value.

/** @import { Variable } from './dashboards/types' */

/**
 * What is given with the values of variables: those given by name, or those that the dashboard begins with. What a
 * field, a value or the time give, `${__..}`, is left.
 * @template T
 * @param {T} what @param {Variable[]} variables @param {Record<string, string>} given
 * @returns {T}
 */
export function withValues(what, variables, given) {
  /** @param {string} text @param {Variable} variable */
  const replaced = (text, { name, current }) => {
    const value = given[name] ?? String(current?.value ?? '');
    return text.replaceAll(`\${${name}}`, value).replace(new RegExp(`\\$${name}\\b`, 'g'), value);
  };
  return JSON.parse(variables.reduce(replaced, JSON.stringify(what)));
}
