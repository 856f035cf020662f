import React, { useEffect, useState } from 'react';

import { QueryEditorProps, SelectableValue } from '@grafana/data';
import { Alert, Box, Button, InlineField, InlineFieldRow, InlineSwitch, Input, MultiSelect, Select } from '@grafana/ui';

import type { DriftlineDataSource } from '../datasource';
import { labelOf, metricsFor, OPERATORS, QUERY_TYPES, USUAL, WINDOWS } from '../menus';
import { sentence } from '../sentence';
import { DriftlineOptions, DriftlineQuery, Model, QueryType, Where } from '../types';
import { groupings } from '../variables';

type Props = QueryEditorProps<DriftlineDataSource, DriftlineQuery, DriftlineOptions>;

const LABEL = 14;
const options = (names: string[]): Array<SelectableValue<string>> => names.map((value) => ({ value, label: value }));
/** What is chosen, also if it is in no menu: a variable, a length of one's own, a feature that is gone. */
const picked = (value?: string): SelectableValue<string> | null => (value ? { value, label: value } : null);
const pickedAll = (values?: string[]) => options(values ?? []);

/** What a menu is filled with. */
interface Loaded<T> {
  value?: T;
  error?: string;
  loading: boolean;
}

/** Asks for what a menu needs, again when `key` changes; an answer that comes too late is dropped. */
function useLoaded<T>(ask: () => Promise<T> | undefined, key: string): Loaded<T> {
  const [loaded, setLoaded] = useState<Loaded<T>>({ loading: true });
  useEffect(() => {
    let current = true;
    const asked = ask();
    setLoaded({ loading: !!asked });
    asked?.then(
      (value) => current && setLoaded({ value, loading: false }),
      (error) => current && setLoaded({ error: messageOf(error), loading: false })
    );
    return () => {
      current = false;
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `key` stands for what `ask` depends on.
  }, [key]);
  return loaded;
}

function messageOf(error: unknown): string {
  const known = error as { data?: { message?: string }; message?: string };
  return known?.data?.message ?? known?.message ?? 'the server cannot be asked';
}

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

/** The editor of a query: menus filled from the server, and a sentence of what will be computed. */
export function QueryEditor({ datasource, query, onChange, onRunQuery }: Props) {
  const type: QueryType = query.queryType ?? 'drift';
  const models = useLoaded(() => datasource.listModels(), datasource.uid);
  const model = useLoaded<Model>(() => (query.model ? datasource.model(query.model) : undefined), query.model ?? '');
  const change = (more: Partial<DriftlineQuery>) => {
    onChange({ ...query, ...more });
    onRunQuery();
  };
  const known = model.value;
  const hasFeatures = type === 'drift' || type === 'quality' || type === 'distribution';
  const hasReference = hasFeatures;
  // Alerts have a model at most.
  const hasRows = type !== 'alerts';
  const hasWindows = hasRows && type !== 'distribution';
  const metrics = metricsFor(type, known?.task);
  const error = models.error ?? model.error;
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
            onChange={(chosen) => change({ queryType: chosen.value as QueryType, metrics: [] })}
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
            onChange={(chosen) => change({ model: chosen?.value, version: '', features: [], reference: '' })}
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
              options={options(known?.versions ?? [])}
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
              placeholder={(USUAL[type] ?? []).map((name) => labelOf(type, name)).join(', ')}
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
          <InlineField label="Class" labelWidth={LABEL} tooltip="A class, or macro, micro or weighted; empty means the positive one">
            <Input
              aria-label="Class"
              width={20}
              defaultValue={query.class}
              placeholder={known?.positiveClass ?? 'overall'}
              onBlur={(event) => change({ class: event.currentTarget.value })}
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
              options={options(known ? groupings(known) : [])}
              value={picked(query.by)}
              onChange={(chosen) => change({ by: chosen?.value ?? '' })}
            />
          </InlineField>
        )}
        {type === 'compare' && (
          <InlineField label="Against" labelWidth={LABEL} tooltip="The value that the others are compared with">
            <Input
              aria-label="Against"
              width={20}
              defaultValue={query.baseline}
              onBlur={(event) => change({ baseline: event.currentTarget.value })}
            />
          </InlineField>
        )}
      </InlineFieldRow>
      {hasRows && (
        <Conditions
          columns={known ? [...known.tags, ...known.features.map((one) => one.name)] : []}
          filters={query.filters ?? []}
          onChange={(filters) => change({ filters })}
        />
      )}
      {hasWindows && (
        <InlineFieldRow>
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
          <InlineField label="One window" tooltip="The whole time of the panel as one window: a table with p-values, or numbers">
            <InlineSwitch aria-label="One window" value={!!query.whole} onChange={() => change({ whole: !query.whole })} />
          </InlineField>
          <InlineField label="Exact" tooltip="Reads rows in the place of partials: slower, with p-values of all tests">
            <InlineSwitch aria-label="Exact" value={!!query.exact} onChange={() => change({ exact: !query.exact })} />
          </InlineField>
        </InlineFieldRow>
      )}
      <p aria-label="What will be computed">{sentence(query)}</p>
    </>
  );
}

interface ConditionsProps {
  columns: string[];
  filters: Where[];
  onChange: (filters: Where[]) => void;
}

/** Conditions that rows have to meet, all of them. */
function Conditions({ columns, filters, onChange }: ConditionsProps) {
  const set = (place: number, more: Partial<Where>) =>
    onChange(filters.map((one, at) => (at === place ? { ...one, ...more } : one)));
  return (
    <>
      {filters.map((filter, place) => (
        <InlineFieldRow key={place}>
          <InlineField label={place === 0 ? 'Where' : 'and'} labelWidth={LABEL}>
            <Select
              aria-label={`Column of condition ${place + 1}`}
              width={26}
              allowCustomValue
              options={options(columns)}
              value={picked(filter.column)}
              onChange={(chosen) => set(place, { column: chosen.value ?? '' })}
            />
          </InlineField>
          <InlineField>
            <Select
              aria-label={`Operator of condition ${place + 1}`}
              width={16}
              options={OPERATORS}
              value={filter.operator || '='}
              onChange={(chosen) => set(place, { operator: chosen.value ?? '=' })}
            />
          </InlineField>
          {!filter.operator?.startsWith('is') && (
            <InlineField>
              <Input
                aria-label={`Value of condition ${place + 1}`}
                width={24}
                defaultValue={filter.value}
                onBlur={(event) => set(place, { value: event.currentTarget.value })}
              />
            </InlineField>
          )}
          <Button
            aria-label={`Remove condition ${place + 1}`}
            icon="trash-alt"
            variant="secondary"
            onClick={() => onChange(filters.filter((_, at) => at !== place))}
          />
        </InlineFieldRow>
      ))}
      <Box marginBottom={1}>
        <Button
          icon="plus"
          variant="secondary"
          size="sm"
          onClick={() => onChange([...filters, { column: '', operator: '=', value: '' }])}
        >
          Condition
        </Button>
      </Box>
    </>
  );
}
