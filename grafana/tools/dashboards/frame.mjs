// @ts-check
// What all dashboards have: variables, annotations, the way from one to another.
import { laidOut, SOURCE } from './panels.mjs';

/** @import { Listed, Unplaced, Variable, Written } from './types' */

/**
 * @param {string} name @param {string} label @param {Listed} asked
 * @param {Partial<Variable>} [more]
 * @returns {Variable}
 */
export const variable = (name, label, asked, more = {}) => ({
  type: 'query',
  name,
  label,
  datasource: SOURCE,
  query: { refId: 'variable', ...asked },
  // When the dashboard is opened: models and columns do not depend on its time.
  refresh: 1,
  sort: 1,
  ...more,
});
export const MODEL = variable('model', 'Model', { of: 'models' });
/** Every model, one row of panels each. */
export const MODELS = { ...MODEL, multi: true, includeAll: true, current: { text: ['All'], value: ['$__all'] } };
/** One model, or all: of alerts alone. */
export const MODEL_OR_ALL = { ...MODEL, includeAll: true, current: { text: 'All', value: '$__all' } };
export const FEATURE = variable('feature', 'Feature', { of: 'features', model: '$model' });
/**
 * A variable with a few values, of which the first is chosen.
 * @param {string} name @param {string} label @param {string[]} values
 * @returns {Variable}
 */
export const choice = (name, label, values) => ({
  type: 'custom',
  name,
  label,
  query: values.join(','),
  options: values.map((value, at) => ({ text: value, value, selected: at === 0 })),
  current: { text: values[0], value: values[0] },
});
/** Lengths of windows that a reader may choose. */
export const WINDOW = choice('window', 'Window', ['1d', '1h', '6h', '7d']);
/** What tells how good a model is: of classes, of scores, of numbers. */
export const METRIC = choice('metric', 'Metric', [
  'accuracy', 'balanced_accuracy', 'precision', 'recall', 'f1', 'mcc', 'roc_auc', 'pr_auc', 'log_loss', 'brier',
  'mae', 'rmse', 'mape', 'r2',
]);

/**
 * What happened, in each graph: firings of alerts as regions, new references and versions as lines. Of the model, or
 * of all where several are shown.
 * @param {string | undefined} model
 */
const marks = (model) =>
  [
    ['Alerts', 'events', 'red'],
    ['References', 'references', 'blue'],
    ['Versions', 'versions', 'purple'],
  ].map(([name, metric, iconColor]) => ({
    name,
    datasource: SOURCE,
    enable: true,
    iconColor,
    target: { refId: 'Anno', queryType: 'alerts', metrics: [metric], ...(model ? { model } : {}) },
  }));

/**
 * The address of another dashboard at the same time and for the same server.
 * @param {string} name @param {Record<string, string>} values of its variables
 */
export const to = (name, values) => {
  const variables = Object.entries({ source: '${source}', ...values }).map(([key, value]) => `var-${key}=${value}`);
  return `/d/driftline-${name}?${variables.join('&')}&\${__url_time_range}`;
};
/** @param {string} title @param {string} url */
export const link = (title, url) => ({ title, url, targetBlank: false });
/** From a series of a feature to that feature's drift. */
export const TO_FEATURE = link(
  'Drift of ${__field.labels.feature}',
  to('drift', { model: '${model}', feature: '${__field.labels.feature}' })
);
/** From a row of a table to the drift of its feature. */
export const ROW_TO_FEATURE = link(
  'Drift of ${__value.text}',
  to('drift', { model: '${model}', feature: '${__value.text}' })
);

/**
 * @param {string} name @param {string} title @param {string} description @param {Variable[]} variables
 * @param {Unplaced[]} panels
 * @returns {Written}
 */
export function dashboard(name, title, description, variables, panels) {
  const [first] = variables;
  return {
    uid: `driftline-${name}`,
    title: `Driftline: ${title}`,
    description,
    tags: ['driftline'],
    schemaVersion: 41,
    editable: true,
    graphTooltip: 1,
    time: { from: 'now-30d', to: 'now' },
    timezone: 'utc',
    refresh: '5m',
    annotations: { list: marks(first?.name === 'model' && !first.multi ? '$model' : undefined) },
    templating: {
      list: [{ type: 'datasource', name: 'source', label: 'Driftline', query: SOURCE.type }, ...variables],
    },
    links: [
      {
        type: 'dashboards',
        title: 'Driftline',
        icon: 'external link',
        tooltip: '',
        tags: ['driftline'],
        asDropdown: true,
        keepTime: true,
        includeVars: true,
        targetBlank: false,
      },
    ],
    panels: laidOut(panels),
  };
}
