/** Granite: Llama whose embeddings, scores, residual parts and logits are scaled. */
@NullMarked
package org.loft4j.model.granite;

import org.jspecify.annotations.NullMarked;
