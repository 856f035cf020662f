import React from 'react';
import { from, Observable } from 'rxjs';
import { map } from 'rxjs/operators';

import { CustomVariableSupport, DataQueryRequest, DataQueryResponse, MetricFindValue, QueryEditorProps } from '@grafana/data';
import { InlineField, Input, Select } from '@grafana/ui';

import type { DriftlineDataSource } from './datasource';
import { DriftlineOptions, DriftlineQuery, VariableQuery } from './types';

const KINDS = [
  { value: 'models', label: 'Models' },
  { value: 'versions', label: 'Versions of a model' },
  { value: 'features', label: 'Features of a model' },
  { value: 'references', label: 'References of a model' },
  { value: 'columns', label: 'Columns that tell groups apart' },
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
    const values = this.values(asked?.of ?? 'models', asked?.model ?? '$model');
    return from(values).pipe(map((data) => ({ data })));
  }

  /** The values of a list. */
  async values(of: string, model?: string): Promise<MetricFindValue[]> {
    const named = (names: string[]) => names.map((text) => ({ text, value: text }));
    if (of === 'models') {
      return named(await this.source.listModels());
    }
    const known = await this.source.model(model ?? '$model');
    switch (of) {
      case 'versions':
        return named(known.versions);
      case 'features':
        return named(known.features.map((feature) => feature.name));
      case 'references':
        return named(known.references.map((reference) => reference.name));
      case 'columns':
        return named(groupings(known));
      default:
        return [];
    }
  }
}

/** Columns whose values tell groups apart: the version, tags, and features of few values. */
export function groupings(model: { tags: string[]; features: Array<{ name: string; kind: string }> }): string[] {
  const features = model.features.filter((feature) => feature.kind !== 'numeric').map((feature) => feature.name);
  return ['version', ...model.tags, ...features];
}
