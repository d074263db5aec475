/** Qwen3 with mixtures of experts. */
@NullMarked
package org.loft4j.model.qwen3moe;

import org.jspecify.annotations.NullMarked;
