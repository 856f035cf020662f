import { isWhole, labelOf, QUERY_TYPES, usual } from './menus';
import { DriftlineQuery } from './types';

const ALERTS: Record<string, string> = {
  states: 'states of alerts now',
  events: 'what became of alerts in the time of the panel',
  references: 'references made in that time, by the clock of the server',
  versions: 'versions whose earliest stored prediction is of that time',
};

/** What a query will compute, in words; `task` is that of its model, if it is known. */
export function sentence(query: DriftlineQuery, task?: string): string {
  const type = query.queryType ?? 'drift';
  if (!query.model && type !== 'alerts') {
    return 'Choose a model.';
  }
  const metrics = (query.metrics?.length ? query.metrics : usual(type, task))
    .map((name) => labelOf(type, name))
    .join(', ');
  const features = query.features?.length ? query.features.join(', ') : 'all features';
  const reference = query.reference ? `reference ${query.reference}` : 'the default reference';
  const what: Record<string, string> = {
    drift: `${metrics} of ${features} against ${reference}`,
    performance: `${metrics} of labelled predictions, with intervals and coverage`,
    quality: `${metrics} of ${features}`,
    operations: metrics,
    distribution: `the distribution of ${features} against ${reference}`,
    volume: 'predictions and labels',
    compare: `${metrics} of each ${query.by || '…'} against ${query.baseline || '…'}`,
    alerts: (query.metrics?.length ? query.metrics : ['states']).map((name) => ALERTS[name] ?? name).join(', '),
    series: `${metrics} of ${query.features?.length ? query.features.join(', ') : 'all metric series'}`,
    predictions: 'the share of each predicted class or bin',
  };
  const parts = [what[type] ?? QUERY_TYPES[0].label];
  const isAlerts = type === 'alerts';
  if (query.model) {
    parts.push(`model ${query.model}${query.version && !isAlerts ? ` version ${query.version}` : ''}`);
  }
  if (isAlerts) {
    // Nothing else is asked of them.
    return sentenceOf(parts);
  }
  for (const { column, operator, value } of query.filters ?? []) {
    if (column) {
      parts.push(`where ${column} ${operator || '='} ${value ?? ''}`.trimEnd());
    }
  }
  if (query.by && type !== 'compare') {
    parts.push(`a series for each ${query.by}`);
  }
  if (type === 'performance') {
    parts.push(...labels(query));
  }
  if (isWhole(query)) {
    parts.push('over the whole time of the panel');
  } else {
    const window = query.window && query.window !== 'auto' ? query.window : query.step;
    const every = query.step && query.step !== window ? ` that end every ${query.step}` : '';
    parts.push(window ? `in windows of ${window}${every}` : 'in windows that suit the panel');
  }
  if (query.exact) {
    parts.push('exactly, from rows');
  }
  if (query.format === 'heatmap' || query.format === 'table') {
    parts.push(`as a ${query.format}`);
  } else if (query.format === 'histogram' && type === 'distribution') {
    parts.push('in bins of one width, from rows');
  }
  return sentenceOf(parts);
}

/** Which labels count, and which time windows are of. */
function labels(query: DriftlineQuery): string[] {
  const parts = query.timeOf === 'label' ? ['by the time at which labels came'] : [];
  const asOf = query.asOf?.trim() ?? '';
  if (asOf.startsWith('-')) {
    parts.push(`with labels as known ${asOf.slice(1)} before the end of the panel`);
  } else if (asOf.includes('T')) {
    parts.push(`with labels as known at ${asOf}`);
  } else if (asOf) {
    parts.push(`with labels as known ${asOf.replace('+', '')} after each window`);
  }
  return parts;
}

function sentenceOf(parts: string[]): string {
  const text = parts.join(', ');
  return `${text[0].toUpperCase()}${text.slice(1)}.`;
}
