import { expect, PanelEditPage, test } from '@grafana/plugin-e2e';

const FILE = { fileName: 'driftline.yaml' };
/** The demo's month lies behind the present. */
const MONTH = { from: 'now-30d', to: 'now' };

/** Chooses from a menu of the editor of query A. */
async function choose(panel: PanelEditPage, menu: string, entry: string) {
  const editor = panel.getQueryEditorRow('A');
  await editor.getByLabel(menu, { exact: true }).click();
  await panel.getByGrafanaSelector(panel.ctx.selectors.components.Select.option).getByText(entry, { exact: true }).click();
}

test('a query of a model draws a series for each feature', async ({ panelEditPage, readProvisionedDataSource }) => {
  const { name } = await readProvisionedDataSource(FILE);
  await panelEditPage.datasource.set(name);
  await panelEditPage.timeRange.set(MONTH);
  await choose(panelEditPage, 'Model', 'fraud-demo');
  await expect(panelEditPage.refreshPanel()).toBeOK();
  await expect(panelEditPage.panel.getErrorIcon()).not.toBeVisible();
  await panelEditPage.toggleTableView();
  await expect(panelEditPage.panel.fieldNames).toContainText(['psi']);
});

test('the sentence under the editor follows it', async ({ panelEditPage, readProvisionedDataSource }) => {
  const { name } = await readProvisionedDataSource(FILE);
  await panelEditPage.datasource.set(name);
  const told = panelEditPage.getQueryEditorRow('A').getByLabel('What will be computed');
  await expect(told).toHaveText('Choose a model.');
  await choose(panelEditPage, 'Model', 'fraud-demo');
  await choose(panelEditPage, 'Query', 'Performance');
  await expect(told).toContainText('Accuracy of labelled predictions');
});

test('a mistake is told at the panel', async ({ panelEditPage, readProvisionedDataSource, page }) => {
  const { name } = await readProvisionedDataSource(FILE);
  await panelEditPage.datasource.set(name);
  await choose(panelEditPage, 'Model', 'fraud-demo');
  await page.getByLabel('Window', { exact: true }).fill('1x');
  await page.keyboard.press('Enter');
  await panelEditPage.refreshPanel();
  await expect(panelEditPage.panel.getErrorIcon()).toBeVisible();
});

test('Explore shows the same', async ({ explorePage, readProvisionedDataSource, page }) => {
  const { name } = await readProvisionedDataSource(FILE);
  await explorePage.datasource.set(name);
  await page.getByLabel('Model', { exact: true }).click();
  await page.getByText('fraud-demo', { exact: true }).click();
  await expect(explorePage.runQuery()).toBeOK();
});
