// Panels of a dashboard outside of Grafana: lines, numbers and tables are drawn by the components that Grafana draws
// them with; bars and heatmaps, which are no part of its library, by plain boxes.
import React from 'react';

import {
  DataFrame,
  Field,
  FieldType,
  getFieldDisplayName,
  getFieldDisplayValues,
  GrafanaTheme2,
  TimeRange,
} from '@grafana/data';
import { BigValue, BigValueColorMode, BigValueGraphMode, BigValueTextMode, Table, TimeSeries } from '@grafana/ui';

interface Props {
  panel: any;
  frames: DataFrame[];
  width: number;
  height: number;
  theme: GrafanaTheme2;
  range: TimeRange;
}

const numbers = (frame: DataFrame) => frame.fields.filter((field) => field.type === FieldType.number);
const isShown = (field: Field) => !field.config.custom?.hideFrom?.viz;

export function Drawn(props: Props) {
  const { panel, frames } = props;
  if (frames.every((frame) => frame.length === 0) && panel.type !== 'stat') {
    return <div style={{ padding: 8 }}>{panel.fieldConfig.defaults.noValue || 'No data'}</div>;
  }
  switch (panel.type) {
    case 'timeseries':
      return <Lines {...props} />;
    case 'stat':
      return <Numbers {...props} />;
    case 'barchart':
      return <Bars {...props} />;
    case 'heatmap':
      return <Heatmap {...props} />;
    default:
      return <Table data={frames[0]!} width={props.width} height={props.height} initialSortBy={panel.options.sortBy} />;
  }
}

function Lines({ panel, frames, width, height, range }: Props) {
  const shown = frames.map((frame) => ({
    ...frame,
    fields: frame.fields.filter((field) => field.type === FieldType.time || isShown(field)),
  }));
  return (
    <TimeSeries
      frames={shown}
      width={width}
      height={height}
      timeRange={range}
      timeZone="utc"
      legend={{ calcs: [], ...panel.options.legend }}
      options={panel.options}
    />
  );
}

function Numbers({ panel, frames, width, height, theme }: Props) {
  const { options, fieldConfig } = panel;
  const found = getFieldDisplayValues({
    fieldConfig,
    reduceOptions: options.reduceOptions,
    replaceVariables: (text) => text,
    data: frames,
    theme,
    sparkline: options.graphMode === 'area',
    timeZone: 'utc',
  });
  const each = width / found.length;
  return (
    <div style={{ display: 'flex' }}>
      {found.map((one, at) => (
        <BigValue
          key={at}
          value={one.display}
          width={each}
          height={height}
          sparkline={one.sparkline}
          theme={theme}
          colorMode={options.colorMode as BigValueColorMode}
          graphMode={options.graphMode as BigValueGraphMode}
          textMode={options.textMode as BigValueTextMode}
        />
      ))}
    </div>
  );
}

/** Groups of bars, one for each row. */
function Bars({ panel, frames: [frame], width, height, theme }: Props) {
  if (!frame) {
    return null;
  }
  const values = numbers(frame);
  const names = frame.fields.find((field) => field.type === FieldType.string);
  const most = Math.max(...values.flatMap((field) => field.values.map((value) => value ?? 0)));
  const { xTickLabelRotation: turn = 0, xTickLabelMaxLength: letters = 40 } = panel.options;
  const [left, below] = [48, turn ? 124 : 56];
  const tick = (x: number, y: number): React.SVGProps<SVGTextElement> =>
    turn ? { textAnchor: 'end', transform: `translate(${x + 4}, ${y}) rotate(${turn})` } : { textAnchor: 'middle', x, y: y + 2 };
  const cut = (name: string) => (name.length > letters ? `${name.slice(0, letters)}…` : name);
  const each = (width - left) / frame.length;
  const tall = height - below;
  const colorOf = (field: Field) => field.display?.(1).color ?? theme.colors.primary.main;
  const text = { fill: theme.colors.text.secondary, fontSize: 12, fontFamily: theme.typography.fontFamily };
  return (
    <svg width={width} height={height}>
      {[0, 0.5, 1].map((part) => (
        <g key={part}>
          <line x1={left} x2={width} y1={tall * (1 - part * 0.95)} y2={tall * (1 - part * 0.95)} stroke={theme.colors.border.weak} />
          <text {...text} x={left - 6} y={tall * (1 - part * 0.95) + 4} textAnchor="end">
            {shownText(values[0], most * part)}
          </text>
        </g>
      ))}
      {Array.from({ length: frame.length }, (_, row) => (
        <g key={row}>
          {values.map((field, at) => {
            const size = (0.95 * tall * (field.values[row] ?? 0)) / most;
            const wide = (each * (panel.options.groupWidth ?? 0.7)) / values.length;
            const x = left + each * row + (each - wide * values.length) / 2 + wide * at;
            return <rect key={at} x={x} y={tall - size} width={wide - 1} height={size} fill={colorOf(field)} />;
          })}
          <text {...text} {...tick(left + each * (row + 0.5), tall + 14)}>
            {cut(names?.display?.(names.values[row]).text ?? names?.values[row])}
          </text>
        </g>
      ))}
      {values.map((field, at) => (
        <g key={at} transform={`translate(${left + at * 110}, ${height - 14})`}>
          <rect y={-5} width={14} height={4} fill={colorOf(field)} />
          <text {...text} x={20}>
            {getFieldDisplayName(field, frame, [frame])}
          </text>
        </g>
      ))}
    </svg>
  );
}

const shownText = (field: Field | undefined, value: number) => {
  const shown = field?.display?.(value);
  return shown ? `${shown.text}${shown.suffix ?? ''}` : String(value);
};

/** Rows of cells; a cell ends where its window does. */
function Heatmap({ panel, frames: [frame], width, height, theme, range }: Props) {
  const times = frame?.fields.find((field) => field.type === FieldType.time)?.values ?? [];
  if (!frame || times.length < 2) {
    return null;
  }
  const rows = numbers(frame);
  const { min = 0, max, scheme } = panel.options.color;
  const most = max ?? Math.max(...rows.flatMap((row) => row.values.filter(Number.isFinite)));
  const [left, below] = [130, 22];
  const tall = (height - below) / rows.length;
  const [from, to] = [range.from.valueOf(), range.to.valueOf()];
  const x = (time: number) => left + ((width - left) * (time - from)) / (to - from);
  const step = times[1] - times[0];
  const color = (value: number) => {
    const part = Math.min(Math.max((value - min) / (most - min), 0), 1);
    return scheme === 'Blues' ? `hsl(210 70% ${94 - 64 * part}%)` : `hsl(${120 - 120 * part} 65% 48%)`;
  };
  const text = { fill: theme.colors.text.secondary, fontSize: 12, fontFamily: theme.typography.fontFamily };
  const name = (row: Field) => {
    const end = row.labels?.le;
    if (end === undefined) {
      return getFieldDisplayName(row, frame, [frame]);
    }
    return end === '+Inf' ? 'above' : `below ${Number(Number(end).toPrecision(4))}`;
  };
  return (
    <svg width={width} height={height}>
      {rows.map((row, at) => {
        // The first row is the lowest.
        const y = tall * (rows.length - 1 - at);
        return (
          <g key={at}>
            <text {...text} x={left - 8} y={y + tall / 2 + 4} textAnchor="end">
              {name(row)}
            </text>
            {times.map((time: number, column: number) => {
              const value = row.values[column];
              return Number.isFinite(value) ? (
                <rect key={time} x={x(time - step)} y={y} width={x(time) - x(time - step) - 1} height={tall - 1} fill={color(value)} />
              ) : null;
            })}
          </g>
        );
      })}
      {[0, 1, 2, 3, 4, 5].map((part) => {
        const time = from + ((to - from) * part) / 6;
        return (
          <text key={part} {...text} x={x(time)} y={height - 6}>
            {new Date(time).toISOString().slice(5, 10)}
          </text>
        );
      })}
    </svg>
  );
}
