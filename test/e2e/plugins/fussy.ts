// Can be set up only while a file is there.
import { existsSync } from 'node:fs';
import { definePlugin, pathOption, z } from 'podiod/plugin';

export default definePlugin({
  name: 'fussy',
  options: z.strictObject({ needs: pathOption() }),
  setup({ needs }) {
    if (!existsSync(needs)) throw new Error('what it needs is not there');
    return { operator: messages$ => messages$ };
  },
});
