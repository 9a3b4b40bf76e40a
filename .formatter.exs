[
  inputs: ["{mix,.formatter}.exs", "{bench,config,demo,dev,lib,test}/**/*.{ex,exs}"]
]
