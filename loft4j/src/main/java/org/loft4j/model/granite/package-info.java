/** Granite: Llama whose embeddings, scores, residual parts and logits are scaled; in version 4 some blocks have a state space for attention. */
@NullMarked
package org.loft4j.model.granite;

import org.jspecify.annotations.NullMarked;
