import React from 'react';

import { Button, InlineField, InlineFieldRow, Select } from '@grafana/ui';

import { OPERATORS } from '../menus';
import { Where } from '../types';
import { LABEL, options, picked } from './entries';
import { Values } from './Values';

interface ConditionsProps {
  columns: string[];
  /** The values of a column; undefined where there is no model. */
  valuesOf: (column: string) => Promise<string[]> | undefined;
  filters: Where[];
  onChange: (filters: Where[]) => void;
}

/** Conditions that rows have to meet, all of them. */
export function Conditions({ columns, valuesOf, filters, onChange }: ConditionsProps) {
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
              <Values
                label={`Value of condition ${place + 1}`}
                width={24}
                value={filter.value}
                ask={() => valuesOf(filter.column)}
                onChange={(value) => set(place, { value })}
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
      <InlineFieldRow>
        <InlineField label={filters.length === 0 ? 'Where' : 'and'} labelWidth={LABEL}>
          <Button
            icon="plus"
            variant="secondary"
            onClick={() => onChange([...filters, { column: '', operator: '=', value: '' }])}
          >
            Condition
          </Button>
        </InlineField>
      </InlineFieldRow>
    </>
  );
}
