/** RoBERTa (Liu et al. 2019, arXiv:1907.11692), and XLM-RoBERTa (Conneau et al. 2019, arXiv:1911.02116), which has the same shape. */
@NullMarked
package org.loft4j.model.roberta;

import org.jspecify.annotations.NullMarked;
