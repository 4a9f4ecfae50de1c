"""WeChat: an official account's messages and events in, passive replies and customer-service messages out."""
