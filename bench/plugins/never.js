// A filter that lets nothing through and costs nothing: what is left is what podiod itself takes for a run.
import { definePlugin, z } from 'podiod/plugin';
import { filter } from 'rxjs';

export default definePlugin({
  name: 'never',
  options: z.strictObject({}),
  setup: () => ({ operator: filter(() => false) }),
});
