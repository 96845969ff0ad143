{
  "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
  "verificationMaterial": {
    "publicKey": {
      "hint": "30b832ee552b6e9b4682a59369fcd21c6f57534e98ba3d43c0f0e4fb6d672d03"
    },
    "tlogEntries": []
  },
  "dsseEnvelope": {
    "payload": "eyJfdHlwZSI6Imh0dHBzOi8vaW4tdG90by5pby9TdGF0ZW1lbnQvdjEiLCJzdWJqZWN0IjpbeyJuYW1lIjoibW9kZWwiLCJkaWdlc3QiOnsic2hhMjU2IjoiMWExOTlmODk3N2UxNmUyODkyOTc4NDAwZmI3ZDhlODlkY2ZhNzU5OTM3MzlhM2ZlYTEzODllMTQxYjllN2Q0MyJ9fV0sInByZWRpY2F0ZVR5cGUiOiJodHRwczovL21vZGVsX3NpZ25pbmcvc2lnbmF0dXJlL3YxLjAiLCJwcmVkaWNhdGUiOnsic2VyaWFsaXphdGlvbiI6eyJtZXRob2QiOiJmaWxlcyIsImhhc2hfdHlwZSI6InNoYTI1NiIsImFsbG93X3N5bWxpbmtzIjpmYWxzZSwiaWdub3JlX3BhdGhzIjpbIi5naXQiLCIuZ2l0YXR0cmlidXRlcyIsIi5naXRodWIiLCIuZ2l0aWdub3JlIiwibW9kZWwuc2lnIl19LCJyZXNvdXJjZXMiOlt7Im5hbWUiOiJSRUFETUUubWQiLCJhbGdvcml0aG0iOiJzaGEyNTYiLCJkaWdlc3QiOiJkZTJlY2Y0MjJiYjk1MGYwMWRiYTJmNmVkYTEzNDQ1MWQ1NzZmMTdlOTZjZTI0ZjNiOTIzNzkyMjA0NmQ1Zjg3In0seyJuYW1lIjoiY29uZmlnLmpzb24iLCJhbGdvcml0aG0iOiJzaGEyNTYiLCJkaWdlc3QiOiJjYTNkMTYzYmFiMDU1MzgxODI3MjI2MTQwNTY4ZjNiZWY3ZWFhYzE4N2NlYmQ3Njg3OGUwYjYzZTllNDQyMzU2In0seyJuYW1lIjoibW9kZWwuc2FmZXRlbnNvcnMiLCJhbGdvcml0aG0iOiJzaGEyNTYiLCJkaWdlc3QiOiIxYjQ2NWZhNmI2YmNiYzA2YTMxOTllM2QyZDhhZWMzNWQzNzQ5NGE3MTJmODg4YjZkNTUzNjY4NGRkODlkMGYwIn1dfX0=",
    "payloadType": "application/vnd.in-toto+json",
    "signatures": [
      {
        "sig": "MEQCIBau6NKDz1iRG8WNcjlFZAx0qzkj3Jbau87COfeTzBb2AiA+j0ALa0n4/+vTt9QBKCTTJX1IqcuvR8LDiollRTzWPQ==",
        "keyid": ""
      }
    ]
  }
}
