// Methods and recipes as data, with JSON Schemas of their options: what a user or another program can ask for.
import { z } from 'zod';
import { METHODS } from '../methods/index.js';
import { RECIPES } from './builtin.js';
import { recipeSchema } from './recipe.js';

/** Every method as data, with JSON Schemas of its options and of recipes. */
export function describeMethods() {
  return {
    methods: METHODS.map(({ name, title, paper, options, provenance }) => ({
      name,
      title,
      paper,
      provenance,
      options: z.toJSONSchema(options, { io: 'input' }),
    })),
    recipes: RECIPES,
    recipeSchema: z.toJSONSchema(recipeSchema, { io: 'input' }),
  };
}
