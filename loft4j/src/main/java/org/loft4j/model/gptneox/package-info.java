/** GPT-NeoX, which Pythia is: blocks whose two parts read the same states. */
@NullMarked
package org.loft4j.model.gptneox;

import org.jspecify.annotations.NullMarked;
