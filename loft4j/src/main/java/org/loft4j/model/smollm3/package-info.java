/** SmolLM3: Llama of which some blocks do not rotate. */
@NullMarked
package org.loft4j.model.smollm3;

import org.jspecify.annotations.NullMarked;
