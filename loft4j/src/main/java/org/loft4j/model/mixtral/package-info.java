/** Mixtral: Mistral with mixtures of experts. */
@NullMarked
package org.loft4j.model.mixtral;

import org.jspecify.annotations.NullMarked;
