/** GPT-Neo: a decoder with learned positions, whose blocks see all before them and a window in turn. */
@NullMarked
package org.loft4j.model.gptneo;

import org.jspecify.annotations.NullMarked;
