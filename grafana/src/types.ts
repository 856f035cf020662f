import { DataSourceJsonData } from '@grafana/data';
import { DataQuery } from '@grafana/schema';

/** What can be asked. The back end has the same names. */
export type QueryType =
  | 'drift'
  | 'performance'
  | 'quality'
  | 'operations'
  | 'distribution'
  | 'volume'
  | 'compare'
  | 'alerts'
  | 'predictions'
  | 'series';

/** The form of the frames; auto is what suits the query. */
export type Format = 'auto' | 'series' | 'heatmap' | 'table' | 'histogram';

/** A condition on rows, such as country = DE. */
export interface Where {
  column: string;
  operator: string;
  value: string;
}

/** A query as a panel stores it. All but the model may be absent. */
export interface DriftlineQuery extends DataQuery {
  queryType?: QueryType;
  model?: string;
  version?: string;
  /** Features, or names of metric series. */
  features?: string[];
  metrics?: string[];
  class?: string;
  reference?: string;
  filters?: Where[];
  by?: string;
  window?: string;
  /** Time between the ends of windows; empty means the length of a window. */
  step?: string;
  whole?: boolean;
  exact?: boolean;
  baseline?: string;
  format?: Format;
  /** Bins of a distribution over time or as a histogram, and of what was predicted. */
  bins?: number;
  /** Of performance, which time windows are of. */
  timeOf?: 'prediction' | 'label';
  /** Of performance, which labels count: 7d after each window, -1d before the end of the panel, or an instant. */
  asOf?: string;
}

/** Settings that are no secret. */
export interface DriftlineOptions extends DataSourceJsonData {
  /** Address of the server's gRPC port. */
  address?: string;
  timeoutSeconds?: number;
  /** The name that the server's certificate has, if it is not the host. */
  serverName?: string;
}

/** Settings that never come back to the browser. */
export interface DriftlineSecrets {
  token?: string;
  tlsCACert?: string;
  tlsClientCert?: string;
  tlsClientKey?: string;
}

/** A model as the menus need it. */
export interface Model {
  name: string;
  task: string;
  positiveClass?: string | null;
  versions: string[];
  features: Array<{ name: string; kind: string }>;
  tags: string[];
  slices: string[];
  references: Array<{ name: string; version?: string | null; isDefault: boolean }>;
}

/** What fills a variable of a dashboard. */
export interface VariableQuery extends DataQuery {
  of: 'models' | 'versions' | 'features' | 'categories' | 'references' | 'columns' | 'values' | 'series';
  model?: string;
  /** Of values, whose. */
  column?: string;
}

/** The metric series of a model. */
export interface SeriesOf {
  series: string[];
  versions: string[];
  tags: string[];
}
