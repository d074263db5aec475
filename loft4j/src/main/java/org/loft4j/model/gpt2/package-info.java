/** GPT-2: a decoder with learned positions, layer norms and matrices that are stored the other way round. */
@NullMarked
package org.loft4j.model.gpt2;

import org.jspecify.annotations.NullMarked;
