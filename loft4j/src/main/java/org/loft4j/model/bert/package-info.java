/** BERT: an encoder with a classification head. */
@NullMarked
package org.loft4j.model.bert;

import org.jspecify.annotations.NullMarked;
