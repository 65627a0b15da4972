export interface ModelConfig {
  model_type: string;
  vocab_size: number;
  hidden_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  intermediate_size: number;
  hidden_dropout_prob: number;
  attention_probs_dropout_prob: number;
  classifier_dropout?: number | null;
  max_position_embeddings: number;
  layer_norm_eps: number;
  type_vocab_size: number;
  initializer_range: number;
  [key: string]: unknown;
}
