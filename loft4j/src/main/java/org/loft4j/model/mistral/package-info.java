/** Mistral: Llama whose tokens see a window only. */
@NullMarked
package org.loft4j.model.mistral;

import org.jspecify.annotations.NullMarked;
