import React from 'react';
import { from, Observable } from 'rxjs';
import { map } from 'rxjs/operators';

import {
  CustomVariableSupport,
  DataQueryRequest,
  DataQueryResponse,
  MetricFindValue,
  QueryEditorProps,
  TimeRange,
} from '@grafana/data';
import { InlineField, Input, Select } from '@grafana/ui';

import type { DriftlineDataSource } from './datasource';
import { DriftlineOptions, DriftlineQuery, VariableQuery } from './types';

const KINDS = [
  { value: 'models', label: 'Models' },
  { value: 'versions', label: 'Versions of a model' },
  { value: 'features', label: 'Features of a model' },
  { value: 'categories', label: 'Features of a model that are categories' },
  { value: 'references', label: 'References of a model' },
  { value: 'columns', label: 'Columns that tell groups apart' },
  { value: 'values', label: 'Values of a column, as slices' },
  { value: 'series', label: 'Metric series of a model' },
] as const;

type Props = QueryEditorProps<DriftlineDataSource, DriftlineQuery, DriftlineOptions, VariableQuery>;

/** The editor of a variable: what it lists, and of which model. */
export function VariableEditor({ query, onChange }: Props) {
  const of = query.of ?? 'models';
  return (
    <>
      <InlineField label="List" labelWidth={12}>
        <Select
          aria-label="List"
          width={40}
          options={[...KINDS]}
          value={of}
          onChange={(chosen) => onChange({ ...query, refId: 'variable', of: chosen.value ?? 'models' })}
        />
      </InlineField>
      {of !== 'models' && (
        <InlineField label="Model" labelWidth={12} tooltip="A name or a variable such as $model">
          <Input
            aria-label="Model"
            width={40}
            defaultValue={query.model ?? '$model'}
            onBlur={(event) => onChange({ ...query, refId: 'variable', of, model: event.currentTarget.value })}
          />
        </InlineField>
      )}
      {of === 'values' && (
        <InlineField label="Column" labelWidth={12} tooltip="A tag, a feature of few values, prediction, or a variable such as $by">
          <Input
            aria-label="Column"
            width={40}
            defaultValue={query.column}
            placeholder="country"
            onBlur={(event) => onChange({ ...query, refId: 'variable', of, column: event.currentTarget.value })}
          />
        </InlineField>
      )}
    </>
  );
}

/** Variables of dashboards: models, and what belongs to one. */
export class Variables extends CustomVariableSupport<DriftlineDataSource, VariableQuery, DriftlineQuery, DriftlineOptions> {
  editor = VariableEditor;

  constructor(private readonly source: DriftlineDataSource) {
    super();
  }

  query(request: DataQueryRequest<VariableQuery>): Observable<DataQueryResponse> {
    const [asked] = request.targets;
    const values = this.values({ ...asked, of: asked?.of ?? 'models' }, request.range);
    return from(values).pipe(map((data) => ({ data })));
  }

  /** The values of a list; those of a column are those in the time of the dashboard. */
  async values({ of, model = '$model', column }: Listed, range?: TimeRange): Promise<MetricFindValue[]> {
    const named = (names: string[]) => names.map((text) => ({ text, value: text }));
    switch (of) {
      case 'models':
        return named(await this.source.listModels());
      case 'values':
        return column ? named(await this.source.valuesOf({ model, column }, range)) : [];
      case 'series':
        return named((await this.source.seriesOf(model)).series);
    }
    const known = await this.source.model(model);
    switch (of) {
      case 'versions':
        return named(known.versions);
      case 'features':
        return named(known.features.map((feature) => feature.name));
      case 'categories':
        return named(known.features.filter((feature) => feature.kind !== 'numeric').map((feature) => feature.name));
      case 'references':
        return named(known.references.map((reference) => reference.name));
      case 'columns':
        return named(groupings(known));
      default:
        return [];
    }
  }
}

/** What is listed. */
interface Listed {
  of: string;
  model?: string;
  column?: string;
}

/** Columns whose values tell groups apart: the version, tags, and features of few values. */
export function groupings(model: { tags: string[]; features: Array<{ name: string; kind: string }> }): string[] {
  const features = model.features.filter((feature) => feature.kind !== 'numeric').map((feature) => feature.name);
  return ['version', ...model.tags, ...features];
}
