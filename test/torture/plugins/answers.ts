// Writes back to Podio, without hooks: what podiod does itself is no missed change.
import { definePlugin, z } from 'podiod/plugin';
import { concatMap } from 'rxjs';

export default definePlugin({
  name: 'answers',
  options: z.strictObject({}),
  setup: (_, { podio }) => ({
    operator: messages$ =>
      messages$.pipe(
        concatMap(async message => {
          const item = await message.item();
          if (item.title.startsWith('ask')) {
            try {
              await podio.items.update(item.item_id, { fields: { note: `answered ${message.deliveryKey}` } });
            } catch (error) {
              // Whoever asked has taken it away meanwhile: there is nothing left to answer.
              if (!['PODIO_NOT_FOUND', 'PODIO_FORBIDDEN'].includes((error as { code?: string }).code ?? ''))
                throw error;
            }
          }
          return message;
        }),
      ),
  }),
});
