// @ts-check
// What fires, what fired, and how often.
import { dashboard, MODEL_OR_ALL } from './frame.mjs';
import { alerts as states, count, counts, inState } from './looks.mjs';
import { panel, table } from './panels.mjs';

/** @import { Settings } from './types' */

/**
 * Bars of how many firings there are of each value of a field.
 * @param {string} title @param {string} by @param {Settings<'barchart'>} settings
 */
const firings = (title, by, settings) =>
  panel('barchart', title, { queryType: 'alerts', metrics: ['events'] }, {
    height: 7,
    ...settings,
    defaults: { ...count, noValue: '0', color: { mode: 'fixed', fixedColor: 'red' }, displayName: 'firings' },
    overrides: { [by]: { displayName: by } },
    options: { xField: by, xTickLabelSpacing: 100, barWidth: 0.6, legend: { showLegend: false, displayMode: 'list', placement: 'bottom', calcs: [] } },
    transformations: [
      ...(settings.transformations ?? []),
      counts(by, 'title'),
    ],
  });

export const alerts = dashboard('alerts', 'alerts', 'What fires, what fired, and how often.', [MODEL_OR_ALL], [
  ...[
    ['Firing', 'firing', 'red', 'Alerts whose rule is breached now.'],
    ['Pending', 'pending', 'orange', 'Alerts whose rule is breached, and not for long enough yet.'],
    ['No data', 'no data', 'orange', 'Alerts whose windows have nothing to judge.'],
    ['Inactive', 'inactive', 'green', 'Alerts of which nothing is to be said.'],
  ].map(([title, state, color, description]) =>
    inState(title ?? '', state ?? '', { description, defaults: { color: { mode: 'fixed', fixedColor: color } } })
  ),
  states('States now', {}, { height: 9 }),
  firings('Firings by day', 'time', {
    description: 'How many firings the server found on each day, by its clock.',
    // Days, in the time zone of the dashboard.
    transformations: [{ id: 'formatTime', options: { timeField: 'time', outputFormat: 'YYYY-MM-DD', useTimezone: true } }],
  }),
  firings('Firings by rule', 'rule', { description: 'How many firings of this time each rule has.' }),
  table('What became of alerts', { queryType: 'alerts', metrics: ['events'] }, {
    width: 24,
    height: 9,
    description: 'A row for each firing of this time, from when the server found it to when it ended.',
    defaults: { noValue: 'No firings' },
    overrides: {
      '/.*/': { noValue: '' },
      '/^(time|until)$/': { custom: { width: 170 } },
      '/^(severity|state|value)$/': { custom: { width: 90 } },
      value: { decimals: 3 },
      text: { custom: { width: 440 } },
    },
    transformations: [
      { id: 'organize', options: { excludeByName: { title: true, tags: true }, indexByName: {}, renameByName: { timeEnd: 'until' } } },
    ],
  }),
]);
