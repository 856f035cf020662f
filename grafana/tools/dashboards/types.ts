// Types of Grafana's own schema for what the dashboards are made of, so that a setting that there is not, or a value
// that it cannot have, fails the type check.
import type { Dashboard, FieldConfig, GraphFieldConfig, Panel, VariableModel } from '@grafana/schema';
import type { Options as BarChart, FieldConfig as BarChartField } from '@grafana/schema/dist/esm/raw/composable/barchart/panelcfg/x/BarChartPanelCfg_types.gen';
import type { Options as BarGauge } from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type { Options as Heatmap, FieldConfig as HeatmapField } from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import type { Options as Stat } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type { Options as StateTimeline, FieldConfig as StateTimelineField } from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type { Options as StatusHistory, FieldConfig as StatusHistoryField } from '@grafana/schema/dist/esm/raw/composable/statushistory/panelcfg/x/StatusHistoryPanelCfg_types.gen';
import type { Options as Table, FieldConfig as TableField } from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type { Options as Text } from '@grafana/schema/dist/esm/raw/composable/text/panelcfg/x/TextPanelCfg_types.gen';
import type { Options as TimeSeries } from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

import type { DriftlineQuery, VariableQuery } from '../../src/types';

/** A type as JSON writes it: enumerations are their texts or numbers, and all may be left out. */
export type Json<T> = T extends string
  ? `${T}`
  : T extends Array<infer Item>
    ? Array<Json<Item>>
    : T extends object
      ? { [Key in keyof T]?: Json<T[Key]> }
      : T;

/** Kinds of panels with their options and what a field of theirs can be set to. */
export interface Kinds {
  barchart: { options: BarChart; field: BarChartField };
  bargauge: { options: BarGauge; field: object };
  heatmap: { options: Heatmap; field: HeatmapField };
  stat: { options: Stat; field: object };
  'state-timeline': { options: StateTimeline; field: StateTimelineField };
  'status-history': { options: StatusHistory; field: StatusHistoryField };
  table: { options: Table; field: TableField };
  text: { options: Text; field: object };
  timeseries: { options: TimeSeries; field: GraphFieldConfig };
}
export type Kind = keyof Kinds;

/** What fields of a panel are set to. */
export type Field<K extends Kind> = Omit<Json<FieldConfig>, 'custom'> & { custom?: Json<Kinds[K]['field']> };

/** A query without what all have. */
export type Asked = Omit<DriftlineQuery, 'refId' | 'datasource'>;

/** Settings of a panel beside its title and queries. */
export interface Settings<K extends Kind> {
  /** Columns of 24. */
  width?: number;
  /** Rows of 30 pixels. */
  height?: number;
  /** What the small i at the title says. */
  description?: string;
  defaults?: Field<K>;
  /** By name of a field as it is shown, by a pattern such as /lower$/, or by query as @A. */
  overrides?: Record<string, Partial<Field<K>>>;
  options?: Json<Kinds[K]['options']>;
  transformations?: Panel['transformations'];
  /** Where the title leads to. */
  links?: Json<NonNullable<Panel['links']>>;
  /** A time of its own, such as 7d. */
  timeFrom?: string;
}

/** A panel before it has a place. */
export type Unplaced = Json<Panel> & {
  type: string;
  gridPos: { w: number; h: number };
  /** Of a row. */
  collapsed?: boolean;
  /** Of a row that is collapsed. */
  panels?: Unplaced[];
};
/** What a variable lists. */
export type Listed = Omit<VariableQuery, 'refId'>;
/** A variable, with a query of ours. */
export type Variable = Omit<Json<VariableModel>, 'query'> & { name: string; query?: string | VariableQuery };
/** A dashboard as it is written. */
export type Written = Omit<Json<Dashboard>, 'panels' | 'templating'> & {
  uid: string;
  title: string;
  templating: { list: Variable[] };
  panels: Unplaced[];
};
