import React, { useRef } from 'react';

import { QueryEditorProps } from '@grafana/data';
import { Alert, InlineField, InlineFieldRow, InlineSwitch, MultiSelect, Select } from '@grafana/ui';

import type { DriftlineDataSource } from '../datasource';
import {
  BINS,
  CLASSES,
  formatsFor,
  hasBins,
  isWhole,
  labelOf,
  LABELS_KNOWN,
  metricsFor,
  QUERY_TYPES,
  STEPS,
  TIMES,
  usual,
  WINDOWS,
} from '../menus';
import { sentence } from '../sentence';
import { DriftlineOptions, DriftlineQuery, Model, QueryType, SeriesOf } from '../types';
import { groupings } from '../variables';
import { Conditions } from './Conditions';
import { LABEL, options, picked } from './entries';
import { Loaded, useLoaded } from './loaded';
import { Values } from './Values';

type Props = QueryEditorProps<DriftlineDataSource, DriftlineQuery, DriftlineOptions>;

const pickedAll = (values?: string[]) => options(values ?? []);

/** What stands in the place of a model. */
function modelHint(models: Loaded<string[]>, isNeeded: boolean): string {
  if (models.loading) {
    return 'Loading…';
  }
  if (models.value?.length === 0) {
    return 'The server has no model yet';
  }
  return isNeeded ? 'Choose a model' : 'all';
}

/** The query with another type, without what the other one does not have. */
function ofType(query: DriftlineQuery, queryType: QueryType): Partial<DriftlineQuery> {
  const isOther = (query.queryType === 'series') !== (queryType === 'series');
  return { queryType, metrics: [], class: '', ...(isOther ? { features: [], by: '', filters: [] } : {}) };
}

/** The editor of a query: menus filled from the server, and a sentence of what will be computed. */
export function QueryEditor({ datasource, query, range, onChange, onRunQuery }: Props) {
  const type: QueryType = query.queryType ?? 'drift';
  const models = useLoaded(() => datasource.listModels(), datasource.uid);
  const model = useLoaded<Model>(() => (query.model ? datasource.model(query.model) : undefined), query.model ?? '');
  const isSeries = type === 'series';
  const series = useLoaded<SeriesOf>(
    () => (isSeries && query.model ? datasource.seriesOf(query.model) : undefined),
    isSeries ? (query.model ?? '') : ''
  );
  /** The values of a column of the model in the time of the panel. */
  const valuesOf = (column?: string) =>
    query.model && column
      ? datasource.valuesOf({ model: query.model, version: query.version, column }, range)
      : undefined;
  const change = (more: Partial<DriftlineQuery>) => {
    onChange({ ...query, ...more });
    onRunQuery();
  };
  const latest = useRef(query);
  latest.current = query;
  /** Chooses a model, and what shows something of it: drift needs a reference, and all else features. */
  const choose = (name?: string) => {
    change({ model: name, version: '', features: [], reference: '' });
    if (!name || type !== 'drift' || query.metrics?.length) {
      return;
    }
    const suit = ({ references, features }: Model) => {
      const now = latest.current;
      if (references.length > 0 || now.model !== name || (now.queryType ?? 'drift') !== 'drift') {
        return;
      }
      onChange({ ...now, queryType: features.length > 0 ? 'volume' : 'series' });
      onRunQuery();
    };
    // If the server cannot be asked, the query itself says so.
    datasource.model(name).then(suit, () => undefined);
  };
  const known = model.value;
  const hasFeatures = type === 'drift' || type === 'quality' || type === 'distribution';
  const hasReference = hasFeatures || type === 'predictions';
  // Alerts have a model at most.
  const hasRows = type !== 'alerts';
  const hasWindows = hasRows && (type !== 'distribution' || !isWhole(query));
  const hasExact = type !== 'volume' && type !== 'predictions' && type !== 'distribution' && !isSeries;
  const columns = isSeries
    ? ['version', 'step', ...(series.value?.tags ?? [])]
    : known
      ? [...known.tags, ...known.features.map((one) => one.name)]
      : [];
  const metrics = metricsFor(type, known?.task);
  const error = models.error ?? model.error ?? series.error;
  return (
    <>
      {error && <Alert severity="error" title={error} />}
      <InlineFieldRow>
        <InlineField label="Query" labelWidth={LABEL}>
          <Select
            aria-label="Query"
            width={26}
            options={QUERY_TYPES}
            value={type}
            onChange={(chosen) => change(ofType(query, chosen.value as QueryType))}
          />
        </InlineField>
        <InlineField label="Model" labelWidth={LABEL} disabled={models.loading}>
          <Select
            aria-label="Model"
            width={32}
            isLoading={models.loading}
            allowCustomValue
            isClearable={type === 'alerts'}
            placeholder={modelHint(models, hasRows)}
            options={options(models.value ?? [])}
            value={picked(query.model)}
            onChange={(chosen) => choose(chosen?.value)}
          />
        </InlineField>
        {hasRows && (
          <InlineField label="Version" labelWidth={LABEL}>
            <Select
              aria-label="Version"
              width={20}
              isClearable
              allowCustomValue
              isLoading={model.loading}
              placeholder={model.loading ? 'Loading…' : 'all together'}
              options={options((isSeries ? series.value?.versions : known?.versions) ?? [])}
              value={picked(query.version)}
              onChange={(chosen) => change({ version: chosen?.value ?? '' })}
            />
          </InlineField>
        )}
      </InlineFieldRow>
      <InlineFieldRow>
        {metrics.length > 0 && (
          <InlineField label={type === 'drift' ? 'Statistics' : type === 'alerts' ? 'Show' : 'Metrics'} labelWidth={LABEL}>
            <MultiSelect
              aria-label="Metrics"
              width={40}
              allowCustomValue
              placeholder={usual(type, known?.task).map((name) => labelOf(type, name)).join(', ')}
              options={metrics}
              value={(query.metrics ?? []).map((name) => metrics.find((one) => one.value === name) ?? { value: name, label: name })}
              onChange={(chosen) => change({ metrics: chosen.map((one) => one.value as string) })}
            />
          </InlineField>
        )}
        {hasFeatures && (
          <InlineField label="Features" labelWidth={LABEL}>
            <MultiSelect
              aria-label="Features"
              width={46}
              allowCustomValue
              isLoading={model.loading}
              placeholder={model.loading ? 'Loading…' : type === 'distribution' ? 'Choose features' : 'all'}
              options={options([...(known?.features.map((one) => one.name) ?? []), 'score', 'prediction'])}
              value={pickedAll(query.features)}
              onChange={(chosen) => change({ features: chosen.map((one) => one.value as string) })}
            />
          </InlineField>
        )}
        {isSeries && (
          <InlineField label="Series" labelWidth={LABEL}>
            <MultiSelect
              aria-label="Series"
              width={46}
              allowCustomValue
              isLoading={series.loading}
              placeholder={series.loading ? 'Loading…' : 'all'}
              options={options(series.value?.series ?? [])}
              value={pickedAll(query.features)}
              onChange={(chosen) => change({ features: chosen.map((one) => one.value as string) })}
            />
          </InlineField>
        )}
        {hasReference && (
          <InlineField label="Reference" labelWidth={LABEL}>
            <Select
              aria-label="Reference"
              width={24}
              isClearable
              allowCustomValue
              placeholder="default"
              options={options(known?.references.map((one) => one.name) ?? [])}
              value={picked(query.reference)}
              onChange={(chosen) => change({ reference: chosen?.value ?? '' })}
            />
          </InlineField>
        )}
        {(type === 'performance' || type === 'compare') && (
          <InlineField label="Class" labelWidth={LABEL} tooltip="Empty means all rows, of shares of a class the positive one, of several classes their mean">
            <Values
              label="Class"
              width={24}
              value={query.class}
              placeholder={known?.positiveClass ?? 'overall'}
              first={type === 'performance' ? CLASSES : []}
              ask={() => valuesOf('prediction')}
              onChange={(chosen) => change({ class: chosen })}
            />
          </InlineField>
        )}
        {hasRows && (
          <InlineField
            label={type === 'compare' ? 'Sides by' : 'By'}
            labelWidth={LABEL}
            tooltip={type === 'compare' ? 'What tells the sides apart' : 'A series for each value of this column'}
          >
            <Select
              aria-label="By"
              width={24}
              isClearable
              allowCustomValue
              placeholder={type === 'compare' ? 'Choose' : 'none'}
              options={options(isSeries ? columns : known ? groupings(known) : [])}
              value={picked(query.by)}
              onChange={(chosen) => change({ by: chosen?.value ?? '' })}
            />
          </InlineField>
        )}
        {type === 'compare' && (
          <InlineField label="Against" labelWidth={LABEL} tooltip="The value that the others are compared with">
            <Values
              label="Against"
              width={24}
              value={query.baseline}
              ask={() => valuesOf(query.by)}
              onChange={(chosen) => change({ baseline: chosen })}
            />
          </InlineField>
        )}
      </InlineFieldRow>
      {hasRows && (
        <Conditions
          columns={columns}
          valuesOf={valuesOf}
          filters={query.filters ?? []}
          onChange={(filters) => change({ filters })}
        />
      )}
      {type === 'performance' && (
        <InlineFieldRow>
          <InlineField label="Time of" labelWidth={LABEL} tooltip="Which time windows are of">
            <Select
              aria-label="Time of"
              width={24}
              options={TIMES}
              value={query.timeOf ?? 'prediction'}
              onChange={(chosen) => change({ timeOf: chosen.value as DriftlineQuery['timeOf'] })}
            />
          </InlineField>
          <InlineField
            label="Labels known"
            labelWidth={LABEL + 4}
            tooltip="Which labels count: 7d, those that came until 7 days after the end of each window; -1d, until a day before the end of the panel; or an instant such as 2026-01-31T00:00:00Z"
          >
            <Select
              aria-label="Labels known"
              width={40}
              allowCustomValue
              options={LABELS_KNOWN}
              value={LABELS_KNOWN.find((one) => one.value === (query.asOf ?? '')) ?? picked(query.asOf)}
              onChange={(chosen) => change({ asOf: chosen.value })}
            />
          </InlineField>
        </InlineFieldRow>
      )}
      {hasRows && (
        <InlineFieldRow>
          {hasWindows && (
            <>
              <InlineField label="Window" labelWidth={LABEL} disabled={!!query.whole}>
                <Select
                  aria-label="Window"
                  width={40}
                  allowCustomValue
                  options={WINDOWS}
                  value={WINDOWS.find((one) => one.value === (query.window || 'auto')) ?? picked(query.window)}
                  onChange={(chosen) => change({ window: chosen.value })}
                />
              </InlineField>
              <InlineField
                label="Step"
                labelWidth={LABEL}
                disabled={!!query.whole}
                tooltip="Time between the ends of windows. A step that is shorter makes windows overlap: 7 days every day. The window must be a whole number of steps long, and the server is asked once for each of these"
              >
                <Select
                  aria-label="Step"
                  width={24}
                  allowCustomValue
                  options={STEPS}
                  value={STEPS.find((one) => one.value === (query.step ?? '')) ?? picked(query.step)}
                  onChange={(chosen) => change({ step: chosen.value })}
                />
              </InlineField>
              <InlineField label="One window" tooltip="The whole time of the panel as one window: a table with p-values, or numbers">
                <InlineSwitch aria-label="One window" value={!!query.whole} onChange={() => change({ whole: !query.whole })} />
              </InlineField>
            </>
          )}
          {hasExact && (
            <InlineField label="Exact" tooltip="Reads rows in the place of partials: slower, with p-values of all tests">
              <InlineSwitch aria-label="Exact" value={!!query.exact} onChange={() => change({ exact: !query.exact })} />
            </InlineField>
          )}
          <InlineField label="Show as" labelWidth={LABEL} tooltip="The form of the frames; choose the panel that draws it">
            <Select
              aria-label="Show as"
              width={28}
              options={formatsFor(query)}
              value={query.format ?? 'auto'}
              onChange={(chosen) => change({ format: chosen.value })}
            />
          </InlineField>
          {hasBins(query) && (
            <InlineField label="Bins" tooltip="Of numbers: quantiles of the reference, of a histogram bins of one width">
              <Select
                aria-label="Bins"
                width={12}
                options={BINS}
                value={query.bins ?? (query.format === 'histogram' ? 20 : 10)}
                onChange={(chosen) => change({ bins: chosen.value })}
              />
            </InlineField>
          )}
        </InlineFieldRow>
      )}
      <p aria-label="What will be computed">{sentence(query, known?.task)}</p>
    </>
  );
}
