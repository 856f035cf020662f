import {
  CoreApp,
  DataSourceInstanceSettings,
  MetricFindValue,
  ScopedVars,
  TimeRange,
} from '@grafana/data';
import { DataSourceWithBackend, getTemplateSrv, TemplateSrv } from '@grafana/runtime';

import { DriftlineOptions, DriftlineQuery, Model, SeriesOf } from './types';
import { Variables } from './variables';

/** Whose values are asked for. */
interface ValuesOf {
  model: string;
  version?: string;
  column: string;
}

/** The data source: queries, health and alerting are the back end's business. */
export class DriftlineDataSource extends DataSourceWithBackend<DriftlineQuery, DriftlineOptions> {
  declare variables: Variables;
  private models?: Promise<string[]>;

  constructor(
    settings: DataSourceInstanceSettings<DriftlineOptions>,
    private readonly templates: TemplateSrv = getTemplateSrv()
  ) {
    super(settings);
    // The editor of annotations is that of queries. A firing is a region, if a panel has room for such.
    this.annotations = { getDefaultQuery: () => ({ queryType: 'alerts', metrics: ['events'] }) };
    this.variables = new Variables(this);
  }

  getDefaultQuery(_: CoreApp): Partial<DriftlineQuery> {
    return { queryType: 'drift', window: 'auto' };
  }

  /** A query without a model has nothing to show, and is not sent. */
  filterQuery(query: DriftlineQuery): boolean {
    return !query.hide && (!!query.model || query.queryType === 'alerts');
  }

  applyTemplateVariables(query: DriftlineQuery, scoped: ScopedVars): DriftlineQuery {
    const text = (value?: string) => this.templates.replace(value ?? '', scoped);
    // A variable with several values gives several features; "All" that stands for every one gives none.
    const list = (values?: string[]) =>
      (values ?? []).flatMap((value) => {
        const several = this.templates.replace(value, scoped, (chosen: string | string[]) =>
          JSON.stringify([chosen].flat())
        );
        return several.startsWith('["') && value.includes('$') ? (JSON.parse(several) as string[]) : [several];
      });
    // Of alerts, "All" models are those of no model in particular.
    const modelOfAlerts = () =>
      this.templates.replace(query.model ?? '', scoped, (chosen: string | string[]) =>
        Array.isArray(chosen) || chosen === '$__all' ? '' : chosen
      );
    return {
      ...query,
      model: query.queryType === 'alerts' ? modelOfAlerts() : text(query.model),
      version: text(query.version),
      reference: text(query.reference),
      class: text(query.class),
      by: text(query.by),
      baseline: text(query.baseline),
      window: text(query.window),
      step: text(query.step),
      asOf: text(query.asOf),
      features: list(query.features).filter((name) => name !== '$__all' && name !== ''),
      metrics: list(query.metrics),
      filters: query.filters?.map((one) => ({ ...one, column: text(one.column), value: text(one.value) })),
    };
  }

  /** Names of models, asked once. */
  listModels(): Promise<string[]> {
    this.models ??= this.getResource('models').then(
      (answer: { models: string[] }) => answer.models,
      (error) => {
        this.models = undefined;
        throw error;
      }
    );
    return this.models;
  }

  /** A model with its columns. */
  model(name: string): Promise<Model> {
    return this.getResource(`models/${encodeURIComponent(this.templates.replace(name))}`);
  }

  /** The names of a model's metric series. */
  seriesOf(model: string): Promise<SeriesOf> {
    return this.getResource(`models/${encodeURIComponent(this.templates.replace(model))}/series`);
  }

  /** The values of a column that has few, in the time of a panel; without one in the last 30 days. */
  async valuesOf({ model, version, column }: ValuesOf, range?: TimeRange): Promise<string[]> {
    const answer: { values: string[] } = await this.postResource('values', {
      model: this.templates.replace(model),
      version: this.templates.replace(version ?? ''),
      column: this.templates.replace(column),
      from: range?.from.valueOf(),
      to: range?.to.valueOf(),
    });
    return answer.values;
  }

  /** For variables of dashboards that are older than their own editor: "models", "features(fraud)" or
   *  "values(fraud, country)". */
  async metricFindQuery(query: string, options?: { range?: TimeRange }): Promise<MetricFindValue[]> {
    const [, of, given] = /^(\w+)(?:\((.*)\))?$/.exec(query.trim()) ?? [];
    const [, model, column] = /^([^,]*),?\s*(.*)$/.exec(given ?? '') ?? [];
    return this.variables.values({ of: of ?? 'models', model: model || undefined, column }, options?.range);
  }
}
