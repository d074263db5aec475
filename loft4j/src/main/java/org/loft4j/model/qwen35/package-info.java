/** Qwen 3.5: linear attention in most blocks, and attention with a gate behind it in the others. */
@NullMarked
package org.loft4j.model.qwen35;

import org.jspecify.annotations.NullMarked;
