// @ts-check
// Looks that panels of several dashboards share.
import { link, ROW_TO_FEATURE, to, TO_FEATURE } from './frame.mjs';
import { number, PSI, series, table, thresholds } from './panels.mjs';

/** @import { Asked, Field, Settings } from './types' */

export const share = /** @type {const} */ ({ unit: 'percentunit', min: 0, max: 1 });
/** A share that is small mostly: where all are 0 the axis ends at a percent. */
export const rate = /** @type {const} */ ({ unit: 'percentunit', min: 0, custom: { axisSoftMax: 0.01 } });
export const count = /** @type {const} */ ({ unit: 'short', min: 0, decimals: 0 });
export const milliseconds = /** @type {const} */ ({ unit: 'ms', min: 0 });

/** Series of features, each named by its feature, with the bounds of PSI as lines. */
export const drift = /** @type {Field<'timeseries'>} */ ({
  displayName: '${__field.labels.feature}',
  thresholds: PSI,
  color: { mode: 'palette-classic' },
  decimals: 3,
  min: 0,
  links: [TO_FEATURE],
  custom: { thresholdsStyle: { mode: 'dashed' } },
});

/** Colours of states of alerts. */
const STATES = /** @type {Field<'table'>['mappings']} */ ([
  {
    type: 'value',
    options: {
      firing: { color: 'red', index: 0 },
      'no data': { color: 'orange', index: 1 },
      pending: { color: 'yellow', index: 2 },
      resolved: { color: 'blue', index: 3 },
      inactive: { color: 'green', index: 4 },
    },
  },
]);
const SEVERITIES = /** @type {Field<'table'>['mappings']} */ ([
  {
    type: 'value',
    options: { critical: { color: 'red', index: 0 }, warning: { color: 'orange', index: 1 }, info: { color: 'blue', index: 2 } },
  },
]);
const pill = /** @type {const} */ ({ cellOptions: { type: 'color-text' } });

/**
 * States of alerts, firing first.
 * @param {string} title @param {Asked} query @param {Settings<'table'>} [settings]
 */
export const alerts = (title, query, settings = {}) =>
  table(title, { queryType: 'alerts', metrics: ['states'], ...query }, {
    width: 24,
    height: 7,
    description: 'Alerts by rule and feature as they are now. A model or a feature leads to its own dashboard.',
    ...settings,
    // The first is said if there is no row, the second of a cell.
    defaults: { noValue: 'No alerts', ...settings.defaults },
    overrides: {
      '/.*/': { noValue: '' },
      state: { mappings: STATES, custom: { ...pill, width: 90 } },
      severity: { mappings: SEVERITIES, custom: { ...pill, width: 90 } },
      model: { links: [link('Health of ${__value.text}', to('model', { model: '${__value.text}' }))] },
      feature: { links: [link('Drift of ${__value.text}', to('drift', { model: '${__data.fields.model}', feature: '${__value.text}' }))] },
      value: { decimals: 3, custom: { width: 90 } },
      version: { custom: { width: 80 } },
      ...settings.overrides,
    },
    transformations: [
      ...(settings.transformations ?? []),
      without('evaluated'),
    ],
  });

/** @param {string[]} names of columns to leave out */
export const without = (...names) => ({
  id: 'organize',
  options: { excludeByName: Object.fromEntries(names.map((name) => [name, true])), indexByName: {}, renameByName: {} },
});

/**
 * Rows of alerts in a state.
 * @param {string} state
 */
export const only = (state) => ({
  id: 'filterByValue',
  options: {
    type: 'include',
    match: 'all',
    filters: [{ fieldName: 'state', config: { id: 'equal', options: { value: state } } }],
  },
});

/**
 * How many rows there are of each value of a column.
 * @param {string} by @param {string} counted a column that has a value in each row
 */
export const counts = (by, counted) => ({
  id: 'groupBy',
  options: {
    fields: {
      [by]: { operation: 'groupby', aggregations: [] },
      [counted]: { operation: 'aggregate', aggregations: ['count'] },
    },
  },
});

/**
 * How many alerts are in a state now.
 * @param {string} title @param {string} state @param {Settings<'stat'>} settings
 */
export const inState = (title, state, settings) =>
  number(title, { queryType: 'alerts', metrics: ['states'] }, {
    ...settings,
    defaults: { noValue: '0', ...settings.defaults },
    options: { reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false }, colorMode: 'value', ...settings.options },
    transformations: [only(state), counts('state', 'rule')],
  });

/**
 * Statistics of features over the whole time, the largest first.
 * @param {string} title @param {Asked} query @param {Settings<'table'>} [settings]
 */
export const statistics = (title, query, settings = {}) =>
  table(title, { queryType: 'drift', ...query }, {
    ...settings,
    defaults: { noValue: '', ...settings.defaults },
    overrides: {
      feature: { links: [ROW_TO_FEATURE] },
      value: { decimals: 3 },
      'p-value': { decimals: 4 },
      predictions: { unit: 'short', decimals: 0 },
      ...settings.overrides,
    },
    options: { sortBy: [{ displayName: 'value', desc: true }], ...settings.options },
    transformations: [
      without('error bound', 'drifted'),
      ...(settings.transformations ?? []),
    ],
  });

/** Of an answer about performance the metric alone: neither the ends of its interval nor the share of labels. */
export const METRIC_ONLY = '/^(?!coverage)(?!.* (lower|upper)).*$/';

/** All but the metric is not drawn, and what is drawn has the name of its group. */
export const GROUPS = /** @type {Record<string, Partial<Field<'timeseries'>>>} */ ({
  '/ (lower|upper)|coverage/': { custom: { hideFrom: { viz: true, legend: true, tooltip: true } } },
  [METRIC_ONLY]: { displayName: '${__field.labels.__values}' },
});

/** Ends of an interval: a band without lines. */
const band = /** @type {Partial<Field<'timeseries'>>} */ ({
  color: { mode: 'fixed', fixedColor: 'blue' },
  custom: { lineWidth: 0, hideFrom: { legend: true, tooltip: false, viz: false } },
});

/**
 * Metrics with their intervals as bands, and the share of labels beside them.
 * @param {string} title @param {Asked} query @param {Settings<'timeseries'>} [settings]
 */
export const performance = (title, query, settings = {}) =>
  series(title, { queryType: 'performance', ...query }, {
    ...settings,
    overrides: {
      [METRIC_ONLY]: { color: { mode: 'fixed', fixedColor: 'blue' } },
      '/ lower/': { ...band, displayName: 'lower end of 95 %' },
      '/ upper/': {
        ...band,
        displayName: 'upper end of 95 %',
        custom: { ...band.custom, fillBelowTo: 'lower end of 95 %', fillOpacity: 20 },
      },
      '/coverage/': {
        displayName: 'share of labels',
        color: { mode: 'fixed', fixedColor: 'orange' },
        unit: 'percentunit',
        decimals: 0,
        min: 0,
        max: 1,
        custom: { axisPlacement: 'right', lineStyle: { fill: 'dash', dash: [6, 6] }, lineWidth: 1 },
      },
      ...settings.overrides,
    },
  });

/** @param {number} yellow @param {number} red */
export const least = (yellow, red) => thresholds([[null, 'red'], [red, 'yellow'], [yellow, 'green']]);
/** @param {number} yellow @param {number} red */
export const most = (yellow, red) => thresholds([[null, 'green'], [yellow, 'yellow'], [red, 'red']]);
