// Frames of a panel as Grafana prepares them before it draws: transformed, then with the settings of their fields.
import { get } from 'lodash';
import { firstValueFrom } from 'rxjs';

import {
  applyFieldOverrides,
  ConfigOverrideRule,
  DataFrame,
  DataFrameJSON,
  dataFrameFromJSON,
  FieldConfigOptionsRegistry,
  FieldConfigPropertyItem,
  GrafanaTheme2,
  Registry,
  ScopedVars,
  standardTransformers,
  standardTransformersRegistry,
  transformDataFrame,
} from '@grafana/data';
import { FieldConfigSource } from '@grafana/schema';

/** Settings of all panels that dashboards use, and those of panels with lines, with what they are if not said. */
const STANDARD = ['unit', 'min', 'max', 'decimals', 'noValue', 'thresholds', 'mappings', 'color', 'links', 'displayName'];
const CUSTOM: Record<string, unknown> = {
  drawStyle: 'line',
  lineInterpolation: 'linear',
  lineWidth: 1,
  lineStyle: undefined,
  fillOpacity: 0,
  fillBelowTo: undefined,
  gradientMode: 'none',
  showPoints: 'auto',
  pointSize: 5,
  spanNulls: false,
  stacking: { mode: 'none', group: 'A' },
  thresholdsStyle: { mode: 'off' },
  axisPlacement: 'auto',
  axisSoftMax: undefined,
  axisCenteredZero: false,
  scaleDistribution: { type: 'linear' },
  hideFrom: { tooltip: false, viz: false, legend: false },
  cellOptions: { type: 'auto' },
  width: undefined,
};

const item = (id: string, more: object): FieldConfigPropertyItem =>
  ({ id, path: id, name: id, process: (value: unknown) => value, shouldApply: () => true, settings: {}, ...more }) as any;
const named = {
  process: (value: string | undefined, { field, replaceVariables }: any) => value && replaceVariables(value, field.state?.scopedVars),
};
/** The first step has no value in JSON. */
const bounds = {
  process: (value: any) => value && { ...value, steps: value.steps.map((step: any) => ({ ...step, value: step.value ?? -Infinity })) },
};
const REGISTRY: FieldConfigOptionsRegistry = new Registry(() => [
  ...STANDARD.map((id) => item(id, id === 'displayName' ? named : id === 'thresholds' ? bounds : {})),
  ...Object.entries(CUSTOM).map(([id, value]) =>
    item(`custom.${id}`, { path: id, isCustom: true, process: (given: unknown) => given ?? value })
  ),
]) as any;

/** Some have two names. */
const TRANSFORMERS = new Map(Object.values(standardTransformers).map((one) => [one.id, one]));
standardTransformersRegistry.setInit(() =>
  [...TRANSFORMERS].map(([id, transformation]) => ({ id, name: id, transformation: () => Promise.resolve(transformation) }) as any)
);

/** What `${__field..}` stands for. */
const replaceVariables = (text: string, scoped: ScopedVars = {}) =>
  text.replace(/\$\{__field\.([\w.]+)\}/g, (_, path: string) => {
    const field = scoped.__dataContext?.value?.field;
    return path === 'labels.__values' ? Object.values(field?.labels ?? {}).join(', ') : (get(field, path) ?? '');
  });

interface Source {
  type: string;
  transformations?: any[];
  fieldConfig: FieldConfigSource;
}

export async function prepared(panel: Source, json: DataFrameJSON[], theme: GrafanaTheme2): Promise<DataFrame[]> {
  const frames = json.map((one) => dataFrameFromJSON(one));
  const transformed = await firstValueFrom(
    transformDataFrame(panel.transformations ?? [], frames, { interpolate: (text) => text })
  );
  // Lines and bars are coloured one after another, all else by its bounds.
  const mode = panel.type === 'timeseries' || panel.type === 'barchart' ? 'palette-classic' : 'thresholds';
  const { defaults, overrides } = panel.fieldConfig;
  return applyFieldOverrides({
    data: transformed,
    fieldConfig: { defaults: { color: { mode }, ...defaults } as any, overrides: overrides as ConfigOverrideRule[] },
    fieldConfigRegistry: REGISTRY,
    replaceVariables,
    theme,
    timeZone: 'utc',
  });
}
