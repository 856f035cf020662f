// The page of a dashboard's picture: its panels with frames that the back end gave, drawn outside of Grafana.
import React, { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';

import { createTheme, DataFrame, DataFrameJSON, dateTime, ThemeContext } from '@grafana/data';
import { GlobalStyles, PanelChrome, PortalContainer } from '@grafana/ui';

import { Drawn } from './panels';
import { prepared } from './prepared';

/** A row of the grid and the space between two, pixels. */
const [ROW, GAP] = [30, 8];
const WIDTH = 1600;

const asked = new URLSearchParams(location.search);
const theme = createTheme({ colors: { mode: asked.get('theme') === 'light' ? 'light' : 'dark' } });
const now = dateTime();
const range = { from: dateTime(now).subtract(30, 'days'), to: now, raw: { from: 'now-30d', to: 'now' } };

function Placed({ panel, json }: { panel: any; json: DataFrameJSON[] }) {
  const [frames, setFrames] = useState<DataFrame[]>();
  useEffect(() => {
    if (panel.type !== 'row') {
      void prepared(panel, json, theme).then(setFrames);
    }
  }, [panel, json]);
  const { x, y, w, h } = panel.gridPos;
  const column = (WIDTH + GAP) / 24;
  const place = { position: 'absolute' as const, left: x * column, top: y * (ROW + GAP) };
  if (panel.type === 'row') {
    return <h4 style={{ ...place, margin: 0, lineHeight: `${ROW}px` }}>{panel.title}</h4>;
  }
  const [width, height] = [w * column - GAP, h * (ROW + GAP) - GAP];
  return (
    <div style={place}>
      <PanelChrome title={panel.title} description={panel.description} width={width} height={height}>
        {(inner, tall) => frames && <Drawn panel={panel} frames={frames} width={inner} height={tall} theme={theme} range={range} />}
      </PanelChrome>
    </div>
  );
}

fetch(`/dashboard?name=${asked.get('name')}`)
  .then((answer) => answer.json())
  .then(({ panels, frames }: { panels: any[]; frames: Record<string, DataFrameJSON[]> }) => {
    const bottom = Math.max(...panels.map(({ gridPos }) => gridPos.y + gridPos.h));
    createRoot(document.getElementById('root')!).render(
      <ThemeContext.Provider value={theme}>
        <GlobalStyles />
        <div
          id="picture"
          style={{
            position: 'relative',
            boxSizing: 'content-box',
            width: WIDTH,
            height: bottom * (ROW + GAP),
            padding: 12,
            color: theme.colors.text.primary,
            background: theme.colors.background.canvas,
          }}
        >
          <div style={{ position: 'relative' }}>
            {panels.map((panel) => (
              <Placed key={panel.id} panel={panel} json={frames[panel.id] ?? []} />
            ))}
          </div>
        </div>
        <PortalContainer />
      </ThemeContext.Provider>
    );
  });
