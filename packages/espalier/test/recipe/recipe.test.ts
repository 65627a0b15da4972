// Recipes are data: names, files, options set from outside, and what is refused.
import { writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/errors.js';
import { METHODS } from '../../src/methods/index.js';
import { builtinRecipe, recipeNames } from '../../src/recipe/builtin.js';
import { loadRecipe } from '../../src/recipe/load.js';
import { optionNames, parseRecipe, setOption } from '../../src/recipe/recipe.js';
import { stageSteps } from '../../src/recipe/run.js';
import { temporaryFolder } from '../support/temporary.js';

const path = temporaryFolder();

function written(name: string, text: string): string {
  writeFileSync(path(name), text);
  return path(name);
}

/** Runs `action`; returns the message of the UsageError it must throw: two lines at most. */
async function refusal(action: () => unknown): Promise<string> {
  const error: unknown = await Promise.resolve()
    .then(action)
    .catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(UsageError);
  const { message } = error as UsageError;
  expect(message.split('\n').length).toBeLessThanOrEqual(2);
  return message;
}

describe('built-in recipes', () => {
  it('every method is in one', () => {
    const used = recipeNames().flatMap((name) =>
      builtinRecipe(name).stages.flatMap(({ methods }) => methods.map((method) => method.name)),
    );
    for (const { name } of METHODS) expect(used).toContain(name);
  });

  it.each(recipeNames())('%s survives its own YAML and JSON', async (name) => {
    const recipe = builtinRecipe(name);
    expect(await loadRecipe(written(`${name}.yaml`, stringify(recipe)))).toEqual(recipe);
    expect(await loadRecipe(written(`${name}.json`, JSON.stringify(recipe)))).toEqual(recipe);
  });

  it('an unknown name lists the known ones', async () => {
    expect(await refusal(() => loadRecipe('prune-harder'))).toMatch(
      /no recipe "prune-harder".*magnitude.*rpp/,
    );
  });
});

describe('recipe files', () => {
  const stage = (methods: string): string =>
    `name: mine\nstages:\n  - stage: finetune\n    methods: ${methods}\n`;

  it('fills in the defaults of methods', async () => {
    const recipe = await loadRecipe(written('short.yaml', stage('[{ name: magnitude, sparsity: 0.5 }]')));
    expect(recipe.stages[0]!.methods[0]).toEqual({
      ...{ name: 'magnitude' },
      ...METHODS.find(({ name }) => name === 'magnitude')!.parse({ sparsity: 0.5 }),
    });
  });

  it.each([
    ['tag.yaml', 'name: !!js/function "f"\nstages: []\n', /tag\.yaml: .*tag/],
    ['own-tag.yaml', `name: !mine x\n${stage('[]').slice(11)}`, /own-tag\.yaml: .*tag/],
    ['broken.yaml', 'name: [\n', /broken\.yaml: /],
    ['broken.json', '{"name": ', /broken\.json: /],
    ['list.yaml', '- 1\n', /list\.yaml/],
    ['empty.yaml', '', /empty\.yaml/],
    ['two.yaml', 'name: a\n---\nname: b\n', /two\.yaml: /],
    ['unknown.yaml', `${stage('[]')}colour: red\n`, /unknown\.yaml.*"colour"/],
    ['stage.yaml', stage('[]').replace('finetune', 'bake'), /stage\.yaml, "stages\.0\.stage"/],
    ['none.yaml', 'name: mine\nstages: []\n', /none\.yaml, "stages"/],
    ['share.yaml', `${stage('[]')}    share: 0\n`, /share\.yaml, "stages\.0\.share"/],
    ['method.yaml', stage('[{ name: axe }]'), /axe.*magnitude/],
    ['option.yaml', stage('[{ name: rpp, sharpness: 3 }]'), /rpp.*sharpness/],
    ['over.yaml', stage('[{ name: rpp, sparsity: 1.5 }]'), /rpp.*sparsity/],
    ['folder.yaml', stage('[]').replace('mine', '../../mine'), /folder\.yaml, "name": expected letters/],
    ['training.yaml', `${stage('[]')}training: { colour: red }\n`, /training\.yaml.*colour/],
  ])('refuses %s', async (name, text, message) => {
    expect(await refusal(() => loadRecipe(written(name, text)))).toMatch(message);
  });

  it('aliases cannot blow up', async () => {
    const bomb = [
      'a: &a [x, x, x, x, x, x, x, x, x]',
      ...Array.from('bcdefgh', (letter, i) => {
        const before = String.fromCharCode(97 + i);
        return `${letter}: &${letter} [${Array(9).fill(`*${before}`).join(', ')}]`;
      }),
    ];
    expect(await refusal(() => loadRecipe(written('bomb.yaml', `${bomb.join('\n')}\n`)))).toMatch(
      /bomb\.yaml/,
    );
  });

  it('a file that is not there', async () => {
    expect(await refusal(() => loadRecipe(path('nowhere.yaml')))).toMatch(/nowhere\.yaml: no such file/);
    expect(await refusal(() => loadRecipe(path('.json')))).toMatch(/no such file/);
  });
});

describe('setOption', () => {
  it('reaches every method that has the option, or the one that is named', () => {
    const recipe = parseRecipe(
      { name: 'two', stages: [{ stage: 'finetune', methods: [{ name: 'magnitude' }, { name: 'rpp' }] }] },
      'test',
    );
    const of = (changed: typeof recipe): unknown[] => changed.stages[0]!.methods.map((m) => m['sparsity']);
    expect(of(setOption(recipe, 'sparsity', 0.3))).toEqual([0.3, 0.3]);
    expect(of(setOption(recipe, 'rpp.sparsity', 0.3))).toEqual([of(recipe)[0], 0.3]);
  });

  it.each([
    ['sharpness', 1, /recipe "rpp" has no option "sharpness"; it has: sparsity, rounds/],
    ['axe.sparsity', 0.5, /no option "axe\.sparsity"/],
    ['sparsity', 2, /rpp.*sparsity/],
    ['sparsity', -0.1, /rpp.*sparsity/],
    ['sparsity', 'much', /rpp.*sparsity/],
    ['rounds', 2.5, /rpp.*rounds/],
    ['name', 'lock', /no option "name"/],
  ])('refuses %s=%s', async (key, value, message) => {
    expect(await refusal(() => setOption(builtinRecipe('rpp'), key, value))).toMatch(message);
  });

  it('every option of every method can be named', () => {
    for (const { name } of METHODS) expect(optionNames(name)).toEqual(expect.any(Array));
  });
});

describe('stageSteps', () => {
  const recipe = (...stages: object[]) =>
    parseRecipe({ name: 'shares', stages: stages.map((s) => ({ stage: 'finetune', ...s })) }, 'test');

  it('divides the budget by share; epochs of a stage win', () => {
    expect(stageSteps(recipe({ share: 0.6 }, { share: 0.4 }), 100, 10)).toEqual([60, 40]);
    expect(stageSteps(recipe({}, {}, {}), 300, 10)).toEqual([100, 100, 100]);
    expect(stageSteps(recipe({ epochs: 2 }, {}), 100, 10)).toEqual([20, 50]);
    expect(stageSteps(recipe({ share: 1e-6 }, {}), 10, 10)).toEqual([1, 10]);
  });
});
