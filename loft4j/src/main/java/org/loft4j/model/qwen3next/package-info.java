/** Qwen3-Next: linear attention in most blocks, attention with a gate behind it in the others, and mixtures of experts. */
@NullMarked
package org.loft4j.model.qwen3next;

import org.jspecify.annotations.NullMarked;
