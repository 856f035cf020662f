// @ts-check
// Panels: what they ask, how they look, and how they lie beside each other.

/** @import { Asked, Field, Kind, Settings, Unplaced } from './types' */

/** The data source that the dashboard's variable names. */
export const SOURCE = { type: 'driftline-driftline-datasource', uid: '${source}' };
/** Columns of a dashboard. */
const WIDTH = 24;

/**
 * Colours from a value on; the first has no value.
 * @param {Array<[number | null, string]>} steps
 */
export const thresholds = (steps) => ({
  mode: /** @type {const} */ ('absolute'),
  steps: steps.map(([value, color]) => ({ value, color })),
});
/** The usual bounds of PSI: 0.1 is worth a look, 0.2 is drift. */
export const PSI = thresholds([[null, 'green'], [0.1, 'yellow'], [0.2, 'red']]);
/** No judgement: the colour of the text. */
export const PLAIN = thresholds([[null, 'text']]);

/**
 * @template {Kind} K
 * @param {K} type
 * @param {string} title
 * @param {Asked | Asked[]} queries
 * @param {Settings<K>} [settings]
 * @returns {Unplaced}
 */
export function panel(type, title, queries, settings = {}) {
  const { width = 12, height = 8, defaults = {}, overrides = {}, options = {}, ...more } = settings;
  const targets = [queries].flat().map((one, at) => ({
    datasource: SOURCE,
    model: '$model',
    window: 'auto',
    ...one,
    refId: 'ABCDEFGH'[at],
  }));
  return {
    type,
    title,
    ...more,
    datasource: SOURCE,
    targets,
    gridPos: { w: width, h: height },
    fieldConfig: {
      defaults: /** @type {Field<any>} */ (defaults),
      overrides: Object.entries(overrides).map(([name, field]) => ({
        matcher: matcher(name),
        properties: properties(field),
      })),
    },
    options,
  };
}

/** @param {string} name of fields: a name, a pattern between slashes, or @ and the letter of a query */
function matcher(name) {
  if (name.startsWith('@')) {
    return { id: 'byFrameRefID', options: name.slice(1) };
  }
  return { id: name.startsWith('/') ? 'byRegexp' : 'byName', options: name };
}

/**
 * An override names each setting by its path, where settings of all fields nest.
 * @param {Partial<Field<any>>} field
 */
function properties({ custom = {}, ...field }) {
  const own = Object.entries(custom).map(([id, value]) => ({ id: `custom.${id}`, value }));
  return [...Object.entries(field).map(([id, value]) => ({ id, value })), ...own];
}

/** @param {string} title @returns {Unplaced} */
export const row = (title) => ({ type: 'row', title, collapsed: false, gridPos: { w: WIDTH, h: 1 }, panels: [] });

/**
 * Lines over time.
 * @param {string} title @param {Asked | Asked[]} queries @param {Settings<'timeseries'>} [settings]
 */
export const series = (title, queries, settings = {}) =>
  panel('timeseries', title, queries, {
    ...settings,
    defaults: { ...settings.defaults, custom: { lineWidth: 2, showPoints: 'never', ...settings.defaults?.custom } },
    options: {
      legend: { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] },
      tooltip: { mode: 'multi', sort: 'desc' },
      ...settings.options,
    },
  });

/**
 * One number: of the whole time, or the last of its windows with a line behind it.
 * @param {string} title @param {Asked} query @param {Settings<'stat'>} [settings]
 */
export const number = (title, query, settings = {}) =>
  panel('stat', title, { whole: !query.window, ...query }, {
    width: 6,
    height: 4,
    ...settings,
    defaults: { thresholds: PLAIN, ...settings.defaults },
    options: {
      reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
      colorMode: settings.defaults?.thresholds ? 'value' : 'none',
      graphMode: query.window ? 'area' : 'none',
      textMode: 'value',
      ...settings.options,
    },
  });

/**
 * Rows of colours over time.
 * @param {string} title @param {Asked} query @param {Settings<'heatmap'>} settings
 */
export const heatmap = (title, query, settings) =>
  panel('heatmap', title, query, {
    ...settings,
    options: {
      calculate: false,
      cellGap: 1,
      showValue: 'never',
      legend: { show: true },
      tooltip: { mode: 'single', yHistogram: false, showColorScale: true },
      yAxis: { axisPlacement: 'left' },
      rowsFrame: { layout: 'auto' },
      // Nothing is filtered out: 0 is a value.
      filterValues: {},
      exemplars: { color: 'rgba(255,0,255,0.7)' },
      ...settings.options,
    },
  });

/**
 * Rows of one window, or of alerts.
 * @param {string} title @param {Asked} query @param {Settings<'table'>} [settings]
 */
export const table = (title, query, settings = {}) =>
  panel('table', title, { whole: query.queryType !== 'alerts', ...query }, {
    ...settings,
    options: { showHeader: true, cellHeight: 'sm', ...settings.options },
  });

/**
 * Puts panels beside and below each other, in order.
 * @param {Unplaced[]} panels
 */
export function laidOut(panels) {
  let [x, y, height] = [0, 0, 0];
  return panels.map((one, at) => {
    const { w, h } = one.gridPos;
    if (x + w > WIDTH) {
      [x, y, height] = [0, y + height, 0];
    }
    const placed = { ...one, id: at + 1, gridPos: { x, y, w, h } };
    x += w;
    height = Math.max(height, h);
    return placed;
  });
}
