/** What `proxy --meshDir` runs for each change of the mesh: a bundle of its own, for Node starts sooner with less to compile. */
import { meshDerive } from './mesh-derive.ts';
import { endWith } from './outcome.ts';

endWith(meshDerive());
