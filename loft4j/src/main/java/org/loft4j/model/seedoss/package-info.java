/** Seed-OSS: Llama with biases of attention and dropout on what each part adds. */
@NullMarked
package org.loft4j.model.seedoss;

import org.jspecify.annotations.NullMarked;
