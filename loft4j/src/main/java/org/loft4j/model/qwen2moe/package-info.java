/** Qwen1.5-MoE and Qwen2 with mixtures of experts. */
@NullMarked
package org.loft4j.model.qwen2moe;

import org.jspecify.annotations.NullMarked;
