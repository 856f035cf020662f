import { DriftlineQuery, Format, QueryType } from './types';

/** An entry of a menu. */
export interface Entry {
  value: string;
  label: string;
  description?: string;
}

/** Kinds of queries with what they answer. */
export const QUERY_TYPES: Array<Entry & { value: QueryType }> = [
  { value: 'drift', label: 'Drift', description: 'How far features, score and prediction moved from a reference' },
  { value: 'performance', label: 'Performance', description: 'How good predictions were whose labels are known' },
  { value: 'quality', label: 'Data quality', description: 'Nulls, odd values, ranges and unseen categories' },
  { value: 'operations', label: 'Operations', description: 'Latency, throughput and errors' },
  { value: 'distribution', label: 'Distribution', description: 'What features hold, in the reference and now' },
  { value: 'volume', label: 'Volume', description: 'How many predictions and labels came' },
  { value: 'predictions', label: 'Predictions', description: 'What was predicted: the share of each class or bin' },
  { value: 'compare', label: 'Comparison', description: 'How versions, variants or groups differ' },
  { value: 'alerts', label: 'Alerts', description: 'States of alerts now, and what became of them' },
  { value: 'series', label: 'Metric series', description: 'Named numbers over time, such as business value or training loss' },
];

const entries = (list: Array<[string, string]>): Entry[] => list.map(([value, label]) => ({ value, label }));

/** What each kind of query can measure; kinds that are not here have no such menu. */
export const METRICS: Partial<Record<QueryType, Entry[]>> = {
  drift: entries([
    ['psi', 'PSI'],
    ['ks', 'Kolmogorov-Smirnov'],
    ['chi2', 'Chi-square'],
    ['g_test', 'G-test'],
    ['js', 'Jensen-Shannon'],
    ['kl', 'Kullback-Leibler'],
    ['hellinger', 'Hellinger'],
    ['tvd', 'Total variation'],
    ['linf', 'L-infinity'],
    ['wasserstein', 'Wasserstein'],
    ['wasserstein_norm', 'Wasserstein, normalised'],
    ['cramers_v', "Cramér's V"],
    ['cvm', 'Cramér-von Mises'],
    ['ad', 'Anderson-Darling'],
    ['mann_whitney', 'Mann-Whitney'],
    ['energy', 'Energy distance'],
    ['mean_shift', 'Shift of the mean'],
    ['variance_ratio', 'Ratio of variances'],
    ['quantile_shift', 'Shift of the median'],
    ['null_rate_change', 'Change of the share of nulls'],
    ['new_category_share', 'Share of new categories'],
    ['out_of_range_share', 'Share outside the range'],
  ]),
  performance: entries([
    ['accuracy', 'Accuracy'],
    ['balanced_accuracy', 'Balanced accuracy'],
    ['precision', 'Precision'],
    ['recall', 'Recall'],
    ['specificity', 'Specificity'],
    ['f1', 'F1'],
    ['mcc', 'MCC'],
    ['kappa', "Cohen's kappa"],
    ['roc_auc', 'ROC AUC'],
    ['pr_auc', 'Average precision'],
    ['log_loss', 'Log loss'],
    ['brier', 'Brier score'],
    ['ece', 'Expected calibration error'],
    ['mae', 'MAE'],
    ['rmse', 'RMSE'],
    ['mape', 'MAPE'],
    ['smape', 'sMAPE'],
    ['wape', 'WAPE'],
    ['r2', 'R²'],
    ['median_ae', 'Median absolute error'],
    ['residual_mean', 'Mean residual'],
    ['residual_std', 'Deviation of residuals'],
  ]),
  quality: entries([
    ['null_rate', 'Share of nulls'],
    ['nan_rate', 'Share of NaN'],
    ['infinity_rate', 'Share of infinities'],
    ['null_change', 'Change of nulls, in percentage points'],
    ['unseen_rate', 'Share of unseen categories'],
    ['below_rate', 'Share below the range'],
    ['above_rate', 'Share above the range'],
    ['distinct', 'Distinct values'],
    ['min', 'Minimum'],
    ['max', 'Maximum'],
    ['mean', 'Mean'],
    ['std', 'Standard deviation'],
    ['accepted', 'Rows that came'],
    ['duplicates', 'Duplicates that came'],
    ['duplicate_rate', 'Share of duplicates'],
    ['refused', 'Refused rows'],
    ['refused_rate', 'Share of refused rows'],
    ['ignored', 'Rows with unknown columns'],
    ['labels', 'Labels that came'],
    ['delay_p50', 'Delay of rows, median'],
    ['delay_p95', 'Delay of rows, p95'],
    ['label_delay_p50', 'Delay of labels, median'],
    ['label_delay_p95', 'Delay of labels, p95'],
  ]),
  series: entries([
    ['mean', 'Mean'],
    ['sum', 'Sum'],
    ['min', 'Minimum'],
    ['max', 'Maximum'],
    ['last', 'Last'],
    ['first', 'First'],
    ['std', 'Standard deviation'],
    ['rate', 'Change per second'],
    ['count', 'Points'],
    ['q0.5', 'Median'],
    ['q0.95', '95th percentile'],
  ]),
  operations: entries([
    ['p50', 'Latency p50'],
    ['p90', 'Latency p90'],
    ['p95', 'Latency p95'],
    ['p99', 'Latency p99'],
    ['p99.9', 'Latency p99.9'],
    ['mean', 'Mean latency'],
    ['throughput', 'Throughput'],
    ['error_rate', 'Error rate'],
  ]),
  volume: entries([
    ['predictions', 'Predictions'],
    ['labelled', 'Predictions with a label'],
  ]),
  alerts: entries([
    ['states', 'States now'],
    ['events', 'What became of them'],
    ['references', 'References made'],
    ['versions', 'Versions first seen'],
  ]),
  compare: entries([
    ['accuracy', 'Accuracy'],
    ['precision', 'Precision'],
    ['recall', 'Recall'],
    ['specificity', 'Specificity'],
    ['selection_rate', 'Selection rate'],
    ['error_rate', 'Error rate'],
    ['mae', 'MAE'],
    ['mse', 'Mean squared error'],
    ['residual_mean', 'Mean residual'],
    ['brier', 'Brier score'],
  ]),
};

/** What a query measures where nothing is chosen; the back end has the same. */
export const USUAL: Partial<Record<QueryType, string[]>> = {
  drift: ['psi'],
  quality: ['null_rate'],
  operations: ['p50', 'p95', 'p99'],
  volume: ['predictions', 'labelled'],
  alerts: ['states'],
  series: ['mean'],
};

/** What is measured where nothing is chosen. Of performance and comparisons the server knows by the task. */
export function usual(type: QueryType, task?: string): string[] {
  if (type === 'performance' || type === 'compare') {
    return task === 'regression' ? ['mae', 'rmse'].slice(0, type === 'compare' ? 1 : 2) : ['accuracy'];
  }
  return USUAL[type] ?? [];
}

/** A metric as its menu has it, or as it is named if the menu has not. */
export function labelOf(type: QueryType, name: string): string {
  return METRICS[type]?.find((entry) => entry.value === name)?.label ?? name;
}

/** Metrics of a model's task. */
const REGRESSION = new Set(['mae', 'rmse', 'mape', 'smape', 'wape', 'r2', 'median_ae', 'residual_mean', 'residual_std']);

/** The metrics that a query of a model of this task has. */
export function metricsFor(type: QueryType, task?: string): Entry[] {
  const all = METRICS[type] ?? [];
  if (type !== 'performance' || !task || task === 'unspecified') {
    return all;
  }
  return all.filter((entry) => REGRESSION.has(entry.value) === (task === 'regression'));
}

/** Lengths of windows. */
export const WINDOWS: Entry[] = entries([
  ['auto', 'auto: as many as the panel has room for'],
  ['5m', '5 minutes'],
  ['15m', '15 minutes'],
  ['1h', '1 hour'],
  ['6h', '6 hours'],
  ['1d', '1 day'],
  ['7d', '1 week'],
]);

/** Times between the ends of windows; a window is a whole multiple of one. */
export const STEPS: Entry[] = entries([
  ['', 'as long as a window'],
  ['5m', '5 minutes'],
  ['15m', '15 minutes'],
  ['1h', '1 hour'],
  ['6h', '6 hours'],
  ['1d', '1 day'],
]);

const FORMATS: Array<Entry & { value: Format }> = [
  { value: 'auto', label: 'What suits the query' },
  { value: 'series', label: 'Series', description: 'Of one window a number for each' },
  { value: 'heatmap', label: 'Heatmap', description: 'A row of colours for each series' },
  { value: 'table', label: 'Table' },
];
const HISTOGRAM: Entry & { value: Format } = {
  value: 'histogram',
  label: 'Histogram of one width',
  description: "For Grafana's histogram panel; reads rows, the other forms do not",
};

/** The forms that a query can have. */
export function formatsFor(query: DriftlineQuery): Array<Entry & { value: Format }> {
  // A heatmap is over time.
  const suiting = query.whole ? FORMATS.filter((one) => one.value !== 'heatmap') : FORMATS;
  return query.queryType === 'distribution' ? [...suiting, HISTOGRAM] : suiting;
}

/** Bins of a distribution; those that are unions of percentiles are counted already. */
export const BINS = [10, 20, 25, 50, 100].map((value) => ({ value, label: `${value}` }));

/** Whether a query is about bins, how many of which can be chosen. */
export function hasBins({ queryType, format, whole }: DriftlineQuery): boolean {
  const isOverTime = !whole && (format === 'series' || format === 'heatmap');
  return queryType === 'predictions' || (queryType === 'distribution' && (isOverTime || format === 'histogram'));
}

/** Whether a query is about one window: a distribution is over time only as series or as a heatmap. */
export function isWhole(query: DriftlineQuery): boolean {
  const isOverTime = query.format === 'series' || query.format === 'heatmap';
  return !!query.whole || (query.queryType === 'distribution' && !isOverTime);
}

/** Which time windows of performance are of. */
export const TIMES: Entry[] = [
  { value: 'prediction', label: 'predictions', description: 'How good predictions of a time were' },
  { value: 'label', label: 'labels', description: 'How good predictions were whose labels came at a time' },
];

/** Which labels count. */
export const LABELS_KNOWN: Entry[] = entries([
  ['', 'all that have come'],
  ['1d', '1 day after each window'],
  ['7d', '7 days after each window'],
  ['30d', '30 days after each window'],
  ['-1d', '1 day before the end of the panel'],
]);

/** What stands for several classes. */
export const CLASSES: Entry[] = entries([
  ['*', 'each class'],
  ['macro', 'macro: mean over classes'],
  ['micro', 'micro: over all predictions'],
  ['weighted', 'weighted: by the size of classes'],
]);

/** Operators of conditions. */
export const OPERATORS: Entry[] = ['=', '!=', '<', '<=', '>', '>=', 'is null', 'is not null'].map((value) => ({
  value,
  label: value,
}));
